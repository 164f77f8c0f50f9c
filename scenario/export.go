package scenario

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"vertigo/engine"
	"vertigo/rules"
)

// An Outcome is one scenario in a report: what came of it, or, if it could not
// be run, why not.
type Outcome struct {
	File     string
	Result   *Result // nil if it could not be run
	Findings rules.Findings
}

// OK says whether the scenario was run and came out as expected.
func (o *Outcome) OK() bool { return o.Result != nil && o.Result.OK() }

// The shapes of a JSON report.
type (
	jsonReport struct {
		OK        bool           `json:"ok"`
		Scenarios []jsonScenario `json:"scenarios"`
		Coverage  *jsonCoverage  `json:"coverage,omitempty"`
	}
	jsonScenario struct {
		File     string     `json:"file"`
		Question string     `json:"question,omitempty"`
		OK       bool       `json:"ok"`
		Findings []string   `json:"findings,omitempty"`
		Steps    []jsonStep `json:"steps,omitempty"`
		NotRun   int        `json:"not_run,omitempty"`
	}
	jsonStep struct {
		Name   string      `json:"name"`
		Line   int         `json:"line"`
		Time   int         `json:"time,omitempty"`
		OK     bool        `json:"ok"`
		Faults []jsonFault `json:"faults,omitempty"`
		Rules  []jsonRule  `json:"rules,omitempty"`
	}
	jsonFault struct {
		Kind        FaultKind    `json:"kind"`
		Line        int          `json:"line"`
		Message     string       `json:"message"`
		Rule        string       `json:"rule,omitempty"`
		Differences []Difference `json:"differences,omitempty"`
	}
	jsonRule struct {
		Message string         `json:"message"`
		Rule    string         `json:"rule"`
		Verdict engine.Verdict `json:"verdict"`
		False   string         `json:"false,omitempty"` // the first part of the condition that was
		Values  map[string]any `json:"values,omitempty"`
	}
	jsonCoverage struct {
		Rules         int           `json:"rules"`
		RulesFired    int           `json:"rules_fired"`
		Branches      int           `json:"branches"`
		BranchesTaken int           `json:"branches_taken"`
		List          []jsonCovered `json:"list"`
	}
	jsonCovered struct {
		Kind  engine.CoverKind `json:"kind"`
		Name  string           `json:"name"`
		At    string           `json:"at"`
		Fired int              `json:"fired"`
		Parts []jsonBranch     `json:"parts,omitempty"`
	}
	jsonBranch struct {
		At    string `json:"at"`
		Text  string `json:"text"`
		True  int    `json:"true"`
		False int    `json:"false"`
	}
)

// WriteJSON writes all outcomes, and the coverage if it is not nil, as one JSON
// object.
func WriteJSON(w io.Writer, outcomes []Outcome, cover *engine.Coverage) error {
	report := jsonReport{OK: true, Scenarios: []jsonScenario{}}
	for i := range outcomes {
		o := &outcomes[i]
		report.OK = report.OK && o.OK()
		report.Scenarios = append(report.Scenarios, o.json())
	}
	if cover != nil {
		report.Coverage = coverageJSON(cover)
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

func (o *Outcome) json() jsonScenario {
	j := jsonScenario{File: o.File, OK: o.OK()}
	for _, f := range o.Findings {
		j.Findings = append(j.Findings, f.Error())
	}
	if o.Result == nil {
		return j
	}
	j.Question, j.NotRun = o.Result.Question, o.Result.Left
	for i := range o.Result.Steps {
		j.Steps = append(j.Steps, o.Result.Steps[i].json())
	}
	return j
}

func (s *StepResult) json() jsonStep {
	j := jsonStep{Name: s.Name, Line: s.Pos.Line, Time: s.Time, OK: s.OK()}
	for _, f := range s.Faults {
		j.Faults = append(j.Faults, jsonFault{f.Kind, f.Pos.Line, f.Message, f.Rule, f.Differences})
	}
	for _, x := range s.Messages {
		for _, c := range x.Candidates {
			one := jsonRule{Message: x.Message.Transport + " " + x.Message.Type, Rule: c.Rule.Name, Verdict: c.Verdict}
			if c.Part != nil {
				one.False = c.Part.Text
				one.Values = map[string]any{}
				for _, v := range c.Values {
					one.Values[v.Name] = v.Value
				}
			}
			j.Rules = append(j.Rules, one)
		}
	}
	return j
}

func coverageJSON(cover *engine.Coverage) *jsonCoverage {
	j := &jsonCoverage{List: []jsonCovered{}}
	j.Rules, j.RulesFired, j.Branches, j.BranchesTaken = cover.Totals()
	for _, c := range cover.List() {
		one := jsonCovered{Kind: c.Kind, Name: c.Name, At: c.Pos, Fired: c.Fired}
		for _, b := range c.Branches {
			one.Parts = append(one.Parts, jsonBranch{b.Pos, b.Text, b.True, b.False})
		}
		j.List = append(j.List, one)
	}
	return j
}

// The shapes of a JUnit report, as CI systems read them.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string    `xml:"classname,attr"`
		Name    string    `xml:"name,attr"`
		File    string    `xml:"file,attr"`
		Line    int       `xml:"line,attr,omitempty"`
		Failure *junitWhy `xml:"failure"`
		Error   *junitWhy `xml:"error"`
		Skipped *struct{} `xml:"skipped"`
	}
	junitWhy struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes all outcomes in the XML that CI systems read: a suite for
// each scenario, a case for each step.
func WriteJUnit(w io.Writer, outcomes []Outcome) error {
	var report junitReport
	for i := range outcomes {
		s := outcomes[i].junit()
		report.Tests += s.Tests
		report.Failures += s.Failures
		report.Errors += s.Errors
		report.Suites = append(report.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", "  ")
	if err := out.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (o *Outcome) junit() junitSuite {
	s := junitSuite{Name: o.File}
	if o.Result == nil {
		s.Tests, s.Errors = 1, 1
		why := &junitWhy{Message: "the scenario cannot be run", Text: o.Findings.Error()}
		s.Cases = []junitCase{{Class: o.File, Name: "load", File: o.File, Error: why}}
		return s
	}
	for i := range o.Result.Steps {
		step := &o.Result.Steps[i]
		c := junitCase{Class: o.File, Name: step.Name, File: o.File, Line: step.Pos.Line}
		if step.Time > 0 {
			c.Name += fmt.Sprintf(" (time %d)", step.Time)
		}
		if !step.OK() {
			s.Failures++
			var text strings.Builder
			one := Result{Question: o.Result.Question, Steps: []StepResult{*step}}
			_ = one.WriteText(&text) // into memory
			c.Failure = &junitWhy{Message: step.Faults[0].Message, Text: text.String()}
		}
		s.Cases = append(s.Cases, c)
	}
	if o.Result.Left > 0 {
		s.Skipped = 1
		s.Cases = append(s.Cases, junitCase{Class: o.File, Name: counted(o.Result.Left, "further step"), File: o.File, Skipped: &struct{}{}})
	}
	s.Tests = len(s.Cases)
	return s
}
