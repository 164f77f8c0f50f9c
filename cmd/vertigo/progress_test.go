package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

func TestProgressIsDrawnAndRemoved(t *testing.T) {
	var screen bytes.Buffer
	p := &progress{in: strings.NewReader(strings.Repeat("x", 100)), to: &screen, size: 200}
	if _, err := io.ReadFull(p, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	want := "\r[" + strings.Repeat("=", 20) + strings.Repeat(" ", 20) + "]  50%"
	if screen.String() != want {
		t.Errorf("drawn %q, want %q", screen.String(), want)
	}
	p.clear()
	if !strings.HasSuffix(screen.String(), " \r") {
		t.Errorf("left on the screen: %q", screen.String())
	}
}

func TestNoProgressWhereNobodyLooks(t *testing.T) {
	file, err := os.Open("testdata/script/version.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if in, _ := withProgress(file, &bytes.Buffer{}); in != file {
		t.Error("a progress bar would be drawn into something that is no terminal")
	}
}
