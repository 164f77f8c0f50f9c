package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"vertigo/rules"
)

// A findingReport writes findings in one of the formats of "vertigo check".
type findingReport struct {
	format string // text, json, github
	std    streams
	all    rules.Findings
}

// add reports findings: at once, but for JSON, which is one document.
func (r *findingReport) add(found []rules.Finding) error {
	r.all = append(r.all, found...)
	switch r.format {
	case "json":
		return nil
	case "github":
		for _, f := range found {
			if _, err := fmt.Fprintln(r.std.out, workflowCommand(f)); err != nil {
				return err
			}
		}
		return nil
	}
	return rules.Format(r.std.err, found)
}

// summary says in a line what was checked; the JSON document tells that itself.
func (r *findingReport) summary(line string) {
	if r.format != "json" {
		fmt.Fprintln(r.std.out, line)
	}
}

// A foundFile is what "vertigo check --format json" prints. The names of its
// fields stay as they are; there may be more of them one day.
type foundFile struct {
	Findings []foundJSON `json:"findings"`
	Errors   int         `json:"errors"`
	Warnings int         `json:"warnings"`
}

type foundJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`   // from 1; none for the file as a whole
	Column   int    `json:"column,omitempty"` // from 1, in letters
	Severity string `json:"severity"`         // error, warning
	Code     string `json:"code,omitempty"`   // none for a fault in the configuration
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Source   string `json:"source,omitempty"`
}

// finish writes what could not be written before all was known.
func (r *findingReport) finish() error {
	if r.format != "json" {
		return nil
	}
	file := foundFile{Findings: []foundJSON{}}
	for _, f := range r.all {
		file.Findings = append(file.Findings, foundJSON{
			File: f.Pos.File, Line: f.Pos.Line, Column: f.Pos.Col, Severity: f.Severity.String(),
			Code: f.Code, Message: f.Msg, Hint: f.Hint, Rule: f.Rule, Source: f.Source,
		})
		if f.Severity == rules.Error {
			file.Errors++
		} else {
			file.Warnings++
		}
	}
	enc := json.NewEncoder(r.std.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(file)
}

// What a workflow command cannot hold as it is, in its text and in the values of
// its properties (actions/toolkit, packages/core/src/command.ts).
var (
	commandText  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandValue = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// workflowCommand words a finding so that GitHub shows it beside the line.
func workflowCommand(f rules.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "::%s file=%s", f.Severity, commandValue.Replace(f.Pos.File))
	if f.Pos.Line > 0 {
		fmt.Fprintf(&b, ",line=%d,col=%d", f.Pos.Line, f.Pos.Col)
	}
	if f.Code != "" {
		fmt.Fprintf(&b, ",title=%s", f.Code)
	}
	msg := f.Msg
	if f.Hint != "" {
		msg += "\nhint: " + f.Hint
	}
	b.WriteString("::" + commandText.Replace(msg))
	return b.String()
}
