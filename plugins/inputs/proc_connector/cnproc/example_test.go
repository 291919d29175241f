package cnproc_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// Executions are printed until Ctrl-C, or for a minute.
func Example() {
	s, err := cnproc.Open(cnproc.Config{
		Filter: cnproc.Filter{Types: []cnproc.EventType{cnproc.EventExec}},
		Repair: true,
	})
	if err != nil {
		log.Println(err)
		return
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		select {
		case <-interrupted:
		case <-time.After(time.Minute):
		}
		// It gives back what the kernel counts, and has Read return.
		if err := s.Close(); err != nil {
			log.Println(err)
		}
	}()

	var b cnproc.Batch
	for {
		switch err := s.Read(&b, -1); {
		case errors.Is(err, cnproc.ErrClosed):
			return
		case err != nil:
			log.Println(err)
			return
		}
		if b.Missed() {
			fmt.Println("lost:", b.Lost, "silenced:", b.Silenced)
		}
		for i := range b.Events {
			fmt.Println(b.Events[i].Time, "exec", b.Events[i].Task.TGID)
		}
	}
}
