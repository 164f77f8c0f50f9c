package main

import (
	"cmp"
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

// Help is what --help adds.
func (versionCommand) Help() string {
	return `The module's version, the revision it was built from, and the Go version:

    vertigo version`
}

// Run prints what the build itself knows.
func (versionCommand) Run(std streams) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	_, err := fmt.Fprintln(std.out, versionLine(info))
	return err
}

func versionLine(info *debug.BuildInfo) string {
	line := "vertigo " + cmp.Or(info.Main.Version, "(devel)")
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		line += " " + revision
		if settings["vcs.modified"] == "true" {
			line += "+changes"
		}
	}
	if info.GoVersion != "" {
		line += " " + info.GoVersion
	}
	return line
}
