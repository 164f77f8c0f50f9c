package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

// Reading that takes less than this shows no progress.
const progressAfter = 500 * time.Millisecond

// withProgress returns a reader of file that draws how far it is to to, if that
// is a terminal. done removes what was drawn.
func withProgress(file *os.File, to io.Writer) (in io.Reader, done func()) {
	terminal, ok := to.(*os.File)
	info, err := file.Stat()
	if !ok || err != nil || info.Size() == 0 || !isatty.IsTerminal(terminal.Fd()) {
		return file, func() {}
	}
	p := &progress{in: file, to: to, size: info.Size(), next: time.Now().Add(progressAfter)}
	return p, p.clear
}

// progress draws a bar as it is read through.
type progress struct {
	in         io.Reader
	to         io.Writer
	read, size int64
	next       time.Time
	drawn      bool
}

func (p *progress) Read(buf []byte) (int, error) {
	n, err := p.in.Read(buf)
	p.read += int64(n)
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressAfter / 5)
		p.draw()
	}
	return n, err
}

func (p *progress) draw() {
	const wide = 40
	full := int(min(p.read*wide/p.size, wide))
	p.drawn = true
	fmt.Fprintf(p.to, "\r[%s%s] %3d%%", strings.Repeat("=", full), strings.Repeat(" ", wide-full), min(p.read*100/p.size, 100))
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprintf(p.to, "\r%s\r", strings.Repeat(" ", 50))
	}
}
