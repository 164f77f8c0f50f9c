package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"vertigo/rules"
	"vertigo/transports/matrix"
)

type registrationCommand struct {
	Config    string `short:"c" default:"vertigo.toml" placeholder:"FILE" help:"The configuration (${default})."`
	Transport string `placeholder:"NAME" help:"Which application service, if the configuration has several (default: the first by name)."`
	Check     bool   `help:"Write nothing: check the registration that is there."`
	Output    string `short:"o" placeholder:"FILE" help:"The file, in place of the one that the configuration names."`
}

// Help is what --help adds.
func (registrationCommand) Help() string {
	return `The registration is a file that Vertigo and the homeserver both read; it makes
phone numbers Matrix users that are Vertigo's. One that is there is never
overwritten: it is compared with the configuration, and the exit code is 1 if it
does not fit.

    vertigo registration -c vertigo.toml`
}

// Run writes a registration, or checks the one that is there.
func (c *registrationCommand) Run(std streams) error {
	cfg, err := readConfig(c.Config, withMatrixSecrets)
	if err != nil {
		return err
	}
	t, err := cfg.appService(c.Transport)
	if err != nil {
		return err
	}
	path := orDefault(c.Output, t.matrix.Registration)
	found, err := inspectRegistration(path, t.matrix)
	switch {
	case err == nil:
		return reportRegistration(std, path, found)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case c.Check:
		return reportRegistration(std, path, rules.Findings{{
			Pos: rules.Pos{File: path}, Msg: "there is no such file", Hint: writesRegistration,
		}})
	}
	if err := writeRegistration(path, t.matrix); err != nil {
		return err
	}
	return c.tellWhatIsNext(std.out, path, t.matrix)
}

const writesRegistration = `"vertigo registration" writes it`

// appService gives a transport in application-service mode, the first if none is
// named. The error is all [faults] in its settings.
func (cfg *config) appService(name string) (transportConfig, error) {
	d := &decoder{source: cfg.source}
	var names []string
	for _, t := range cfg.Transports {
		names = append(names, t.name)
		is := t.matrix.Mode == matrix.ModeAppService
		if name != t.name && (name != "" || !is) {
			continue
		}
		path := []string{"transport", t.name}
		if is {
			d.settings(path, t.matrix.Check())
		} else {
			d.report(path, fmt.Sprintf("transport %s is no application service: there is nothing to register", t.name), needsAppService)
		}
		if len(d.found) > 0 {
			return t, faults(d.found)
		}
		return t, nil
	}
	if name != "" {
		d.report(nil, "no transport is called "+name, rules.DidYouMean(name, names))
	} else {
		d.report(nil, "no transport is an application service: there is nothing to register", needsAppService)
	}
	return transportConfig{}, faults(d.found)
}

const needsAppService = `one is of kind "matrix" and says mode = "appservice"`

// inspectRegistration gives all that is wrong with the file at path, as cfg wants
// it. The error is that of reading it.
func inspectRegistration(path string, cfg matrix.Config) (rules.Findings, error) {
	r, err := matrix.ReadRegistration(path)
	if err == nil {
		err = errors.Join(r.Check(cfg)...)
	}
	var fault matrix.RegistrationFault
	if err != nil && !errors.As(err, &fault) {
		return nil, cannotRead(path, err)
	}
	var found rules.Findings
	if r.Exposed {
		found = append(found, rules.Finding{
			Pos: rules.Pos{File: path}, Severity: rules.Warning,
			Msg: "everybody on this machine can read the tokens in it", Hint: "chmod o-r " + path,
		})
	}
	for _, err := range each(err) {
		errors.As(err, &fault)
		at := rules.Pos{File: path, Line: fault.Line}
		if fault.Line > 0 {
			at.Col = 1
		}
		found = append(found, rules.Finding{Pos: at, Msg: fault.Msg})
	}
	found.Sort(path)
	return found, nil
}

// inspectRegistrations gives all that is wrong with the registrations that the
// configuration names. One that is not there yet is a warning.
func (cfg *config) inspectRegistrations() (rules.Findings, error) {
	var all rules.Findings
	for _, t := range cfg.Transports {
		if t.matrix.Mode != matrix.ModeAppService {
			continue
		}
		found, err := inspectRegistration(t.matrix.Registration, t.matrix)
		if errors.Is(err, fs.ErrNotExist) {
			f := cfg.source.finding([]string{"transport", t.name, "registration"},
				fmt.Sprintf("transport.%s: registration %s is missing", t.name, t.matrix.Registration), writesRegistration)
			f.Severity = rules.Warning
			found, err = rules.Findings{f}, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// each gives the errors that were joined.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return nil
}

func reportRegistration(std streams, path string, found rules.Findings) error {
	if err := rules.Format(std.err, found); err != nil {
		return err
	}
	if found.HasErrors() {
		return errFound
	}
	fmt.Fprintf(std.out, "%s fits the configuration\n", path)
	return nil
}

// writeRegistration writes a new file for its owner alone, or none.
func writeRegistration(path string, cfg matrix.Config) error {
	r, err := matrix.NewRegistration(cfg, rand.Reader)
	if err != nil {
		return err
	}
	text, err := r.Marshal()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write the registration: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cannot write the registration: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

func (c *registrationCommand) tellWhatIsNext(w io.Writer, path string, cfg matrix.Config) error {
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, `%s is written, with two new secrets: let nobody but Vertigo and the homeserver read it.

Synapse: name it in homeserver.yaml,

    app_service_config_files:
      - %s

Dendrite: name it in dendrite.yaml,

    app_service_api:
      config_files:
        - %[2]s

and restart the homeserver. Where it runs as another user or on another machine,
it needs a copy, or the right to read this one. Then:

    vertigo run -c %[3]s
`, path, full, c.Config)
	if filepath.Clean(path) != filepath.Clean(cfg.Registration) {
		fmt.Fprintf(w, "\nThe configuration names another file, %s: Vertigo looks there.\n", cfg.Registration)
	}
	return nil
}
