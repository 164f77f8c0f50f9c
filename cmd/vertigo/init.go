package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"

	"vertigo/transports/matrix"
)

// initCommand has an answer to each question that init asks, nil where none was
// given: see [initCommand.questions].
type initCommand struct {
	Folder string `arg:"" optional:"" default:"." help:"Where the two files go (default: here). It is made if it is not there."`

	Homeserver *string `placeholder:"URL" help:"The homeserver, as in https://matrix.example.org."`
	Server     *string `placeholder:"NAME" help:"Its server name: what users' ids end with, as in example.org."`
	Mode       *string `placeholder:"MODE" help:"appservice (every number is a contact) or bot (an ordinary user); the default is appservice."`
	User       *string `placeholder:"NAME" help:"The bridge's own user, without the server (default: phone)."`
	Listen     *string `placeholder:"HOST:PORT" help:"Where an application service listens for the homeserver (default: 127.0.0.1:29328)."`
	URL        *string `name:"url" placeholder:"URL" help:"The same as the homeserver sees it (default: http:// and what --listen says)."`
	PBX        *string `name:"pbx" placeholder:"URL" help:"FreeSWITCH's mod_verto, as in wss://pbx.example.org:8082."`
	Login      *string `placeholder:"USER@DOMAIN" help:"The account there."`
	Country    *string `placeholder:"CC" help:"The country whose numbers are written without one, as in GB."`
	Emergency  *string `placeholder:"WHAT" help:"What becomes of emergency numbers: route (to the PBX) or refuse. There is no default."`
	Ring       *string `placeholder:"USERS" help:"Whom calls from the telephone network ring: Matrix ids, with spaces together, after a comma later (default: nobody)."`

	Secrets string `placeholder:"DIR" help:"The secrets are files in this folder, verto-password, and registration.yaml or matrix-token (default: environment variables, and registration.yaml beside the configuration)."`
	State   string `placeholder:"DIR" help:"The folder for what must survive a restart (default: state, beside the configuration)."`
}

// Help is what --help adds.
func (initCommand) Help() string {
	return `Asks on a terminal for whatever no flag says. Elsewhere what has no default must
come by flags. Files that are there are never overwritten, and no secret is asked
for or written: the configuration says where it is taken from.

    vertigo init
    vertigo init --homeserver https://matrix.example.org --server example.org \
        --pbx wss://pbx.example.org:8082 --login 1008@pbx.example.org \
        --country GB --emergency refuse`
}

// Run asks what is not known, and writes the two files.
func (c *initCommand) Run(std streams) error {
	config, ruleFile := filepath.Join(c.Folder, defaultConfig), filepath.Join(c.Folder, "rules.toml")
	for _, name := range []string{config, ruleFile} {
		if err := absent(name); err != nil {
			return err
		}
	}
	setup := &setup{secrets: c.Secrets, state: c.State}
	if err := errors.Join(printable("--secrets", c.Secrets), printable("--state", c.State)); err != nil {
		return err
	}
	questions := c.questions(setup)
	var err error
	if isatty.IsTerminal(os.Stdin.Fd()) {
		err = newAsker(os.Stdin, std.err).ask(questions)
	} else {
		err = takeGiven(questions)
	}
	if err != nil {
		return err
	}
	if err := writeNew(map[string][]byte{config: setup.config(), ruleFile: setup.rules()}); err != nil {
		return err
	}
	setup.tellWhatIsNext(std.out, config, ruleFile)
	return nil
}

// absent says of a file that is there that init leaves it alone.
func absent(name string) error {
	switch _, err := os.Lstat(name); {
	case err == nil:
		return fmt.Errorf("%s is there already, and is left as it is: move it away, or name another folder", name)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return fmt.Errorf("cannot look for %s: %w", name, fileError(err))
	}
}

// writeNew writes all of some files that are not there yet, or none. A signal
// that would end the program waits so long.
func writeNew(files map[string][]byte) (err error) {
	held := make(chan os.Signal, 1)
	signal.Notify(held, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(held)
	var made []string
	defer func() {
		if err != nil {
			for _, name := range made {
				err = errors.Join(err, os.Remove(name))
			}
		}
	}()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("cannot make the folder: %w", err)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("cannot write %s: %w", name, fileError(err))
		}
		made = append(made, name)
		_, err = f.Write(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("cannot write %s: %w", name, fileError(err))
		}
	}
	return nil
}

// tellWhatIsNext says what is to be done before the first call.
func (s *setup) tellWhatIsNext(w io.Writer, config, ruleFile string) {
	with := ""
	if config != defaultConfig {
		with = " -c " + shellWord(config)
	}
	fmt.Fprintf(w, "%s and %s are written. What is left:\n", config, ruleFile)
	n := 0
	step := func(lines ...string) {
		n++
		fmt.Fprintf(w, "\n%d. %s\n", n, strings.Join(lines, "\n   "))
	}
	if s.mode == matrix.ModeAppService {
		step("vertigo registration"+with, "and what it says about the homeserver")
	} else {
		step("Let "+s.userID()+" be a user of the homeserver.", s.secretStep("its access token", "matrix-token", "VERTIGO_MATRIX_TOKEN"))
	}
	step("In FreeSWITCH, an account for "+s.login+".", s.secretStep("its password", "verto-password", "VERTIGO_VERTO_PASSWORD"))
	step("vertigo check" + with)
	step("vertigo run" + with)
}

// secretStep says where a secret is looked for.
func (s *setup) secretStep(what, file, variable string) string {
	if s.secrets != "" {
		return "The bridge reads " + what + " in " + filepath.Join(s.secrets, file) + "."
	}
	return "export " + variable + "=…   (" + what + ")"
}

// shellWord quotes a word for a shell, if it needs that.
func shellWord(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("/._-+,:@", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
