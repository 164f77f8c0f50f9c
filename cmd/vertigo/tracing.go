package main

import (
	"context"
	"strings"
	"sync"

	"vertigo/tracing"
)

// tracer gives what tells an OpenTelemetry receiver of calls; nil where there is
// none, and in a dry run, which sends nothing. stop sends what is left, for as long
// as transports have to say goodbye.
func (p *program) tracer() (t *tracing.Tracer, stop func(), err error) {
	if p.cfg.Traces.Endpoint == "" || p.dryRun {
		return nil, func() {}, nil
	}
	if t, err = tracing.New(p.cfg.Traces, tracing.Options{Log: p.log, Version: version()}); err != nil {
		return nil, nil, err
	}
	return t, sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		t.Close(ctx)
	}), nil
}

// checkTraces finds what is wrong with [traces], unless something that it refers
// to was not found: of that it is said already.
func (cfg *config) checkTraces(d *decoder) {
	for _, f := range d.found {
		if strings.HasPrefix(f.Msg, "traces.") {
			return
		}
	}
	d.settings([]string{"traces"}, cfg.Traces.Check())
}
