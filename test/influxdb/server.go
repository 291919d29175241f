package influxdb

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/nobody"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/output"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
)

const (
	// To get Flux going takes seconds of a processor's time.
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
)

// Server is an InfluxDB, which may be stopped and started again with what it has
// stored. Its methods fail the test that started it, so they must be called from
// that test's goroutine.
type Server struct {
	t       testing.TB
	binary  string
	config  string
	address string
	log     *output.Output
	cmd     *exec.Cmd // nil while it is stopped
	client  http.Client
}

// The service on bind-address is for backups, and nothing else switches it off. An
// older release takes no notice of flux-enabled.
const config = `
reporting-disabled = true
bind-address = %q
[meta]
  dir = "%[3]s/meta"
[data]
  dir = "%[3]s/data"
  wal-dir = "%[3]s/wal"
[http]
  bind-address = %[2]q
  flux-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
`

// Start runs the binary, as nobody if that is possible, and waits until it
// answers. When the test ends it is stopped.
func Start(t testing.TB, binary string) *Server {
	t.Helper()
	dir := nobody.Dir(t)
	addresses := free(t, 2)
	s := &Server{
		t:       t,
		binary:  nobody.Copy(t, dir, binary),
		config:  filepath.Join(dir, "influxdb.conf"),
		address: addresses[1],
		log:     output.New(),
	}
	data := filepath.Join(dir, "data")
	err := errors.Join(
		os.WriteFile(s.config, fmt.Appendf(nil, config, addresses[0], addresses[1], data), 0o644), //nolint:gosec // G306: nobody is to read it
		os.Mkdir(data, 0o700))
	if root() {
		err = errors.Join(err, os.Chown(data, nobody.ID, nobody.ID))
	}
	if err != nil {
		t.Fatalf("Preparing InfluxDB: %v", err)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.Stop()
		}
	})
	s.Start()
	return s
}

func root() bool { return os.Geteuid() == 0 }

// free returns addresses that nothing listens on.
func free(t testing.TB, n int) []string {
	t.Helper()
	addresses := make([]string, 0, n)
	for range n {
		// All at once, or it might be the same one each time.
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("CheckResult a port: %v", err)
		}
		defer l.Close() //nolint:revive,gocritic // defer, deferInLoop: until all are found
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// URL returns the address that Telegraf writes to.
func (s *Server) URL() string { return "http://" + s.address }

// Start runs a stopped server again, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, "-config", s.config)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Dir = filepath.Dir(s.config)
	s.cmd.Env = make([]string, 0)
	if root() {
		nobody.Run(s.cmd)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("Starting InfluxDB: %v", err)
	}
	check.Eventually(s.t, "InfluxDB answers", startTimeout, func() bool {
		resp, err := s.client.Get(s.URL() + "/ping")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusNoContent
	})
}

// Stop stops the server. What was written to it is kept.
func (s *Server) Stop() {
	s.t.Helper()
	cmd := s.cmd
	s.cmd = nil
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Errorf("Stopping InfluxDB: %v\n%s", err, s.log.Since(0))
	}
	late := time.AfterFunc(pace.Wait(stopTimeout), func() {
		_ = cmd.Process.Kill() //nolint:errcheck // it may have ended just now
	})
	err := cmd.Wait()
	if !late.Stop() || err != nil {
		s.t.Errorf("InfluxDB did not end as it should: %v\n%s", err, s.log.Since(0))
	}
	s.client.CloseIdleConnections()
}
