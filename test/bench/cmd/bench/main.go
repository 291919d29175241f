// Command bench compares receivers of process events on this machine, and prints
// a table. It ends with status 1 if the plugin does not keep what it promises.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/bench"
)

func main() {
	options := bench.Options{Progress: os.Stderr}
	var out string
	flag.IntVar(&options.Rounds, "rounds", 5, "rounds of each storm")
	flag.DurationVar(&options.Idle, "idle", time.Minute, "how long the plugin is watched while nothing happens")
	flag.StringVar(&out, "out", "", "file that gets the table too")
	for name, list := range map[string]*[]string{"storms": &options.Storms, "receivers": &options.Receivers, "parts": &options.Parts} {
		flag.Func(name, "only these, with commas between them", func(text string) error {
			*list = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
			return nil
		})
	}
	flag.Parse()
	if err := run(options, out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(options bench.Options, out string) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no option", flag.Arg(0))
	}
	// Interrupted, it still gives the kernel back what its receivers owe.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	result, err := bench.Run(ctx, options)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	if err := result.Markdown(&table); err != nil {
		return err
	}
	if out != "" {
		if err := os.WriteFile(out, table.Bytes(), 0o640); err != nil {
			return err
		}
	}
	if _, err := table.WriteTo(os.Stdout); err != nil {
		return err
	}
	if broken := result.Broken(); len(broken) > 0 {
		return fmt.Errorf("does not hold:\n  %s", strings.Join(broken, "\n  "))
	}
	return nil
}
