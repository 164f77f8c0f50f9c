package calllog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// appendRecord appends a record to the file as one line, by one write.
func appendRecord(name string, record []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, record); err != nil { // what a rule copied from a message may have line ends
		return fmt.Errorf("the record is not JSON: %w", err)
	}
	line.WriteByte('\n')
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = writeWhole(f, line.Bytes())
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

type appendFile interface {
	io.Writer
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
}

// writeWhole writes all of line or nothing: part of a line, on a disk that has
// just become full, would spoil the next one as well.
func writeWhole(f appendFile, line []byte) error {
	n, err := f.Write(line)
	if err == nil || n == 0 {
		return err
	}
	info, statErr := f.Stat()
	if statErr != nil {
		return fmt.Errorf("%w; half a line was written: %w", err, statErr)
	}
	if cutErr := f.Truncate(info.Size() - int64(n)); cutErr != nil {
		return fmt.Errorf("%w; half a line was written: %w", err, cutErr)
	}
	return err
}
