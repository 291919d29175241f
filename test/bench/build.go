package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mainModule is the repository's own module, which the module of the tests finds
// beside itself.
const mainModule = "github.com/proc-connector/telegraf-proc-connector"

// Programs are the paths of what is run.
type Programs struct {
	root string // the repository
	dir  string // build/bench

	plugin      string
	floor       string
	mdlayher    string
	vishvananda string
	storm       string
	bystander   string
	static      string // a static program that does nothing
	dynamic     string // a dynamic one
	tools       string // directory of static programs of many names that do nothing
}

// names of static programs that are the commands of a host in miniature.
const (
	commandNames = 50
	toolPrefix   = "tool-"
)

// Build builds everything that is not a package of the system. It needs the go
// command, and the C compiler that go knows.
func Build(ctx context.Context) (*Programs, error) {
	root, err := goCommand(ctx, ".", "list", "-m", "-f", "{{.Dir}}", mainModule)
	if err != nil {
		return nil, err
	}
	p := &Programs{root: root, dir: filepath.Join(root, "build", "bench"), dynamic: "/bin/true"}
	if err := os.MkdirAll(p.dir, 0o750); err != nil {
		return nil, err
	}
	tests := filepath.Join(root, "test")
	for _, program := range []struct {
		path   *string
		name   string
		module string
		pkg    string
	}{
		{&p.plugin, "telegraf-proc-connector", root, "./cmd/telegraf-proc-connector"},
		{&p.mdlayher, "receive-mdlayher", tests, "./bench/cmd/receive-mdlayher"},
		{&p.vishvananda, "receive-vishvananda", tests, "./bench/cmd/receive-vishvananda"},
	} {
		*program.path = filepath.Join(p.dir, program.name)
		if _, err := goCommand(ctx, program.module, "build", "-trimpath", "-o", *program.path, program.pkg); err != nil {
			return nil, err
		}
	}

	compiler, err := goCommand(ctx, tests, "env", "CC")
	if err != nil {
		return nil, err
	}
	for _, program := range []struct {
		path   *string
		source string
		flags  []string
	}{
		{&p.floor, "floor", nil},
		{&p.storm, "storm", []string{"-pthread"}},
		{&p.bystander, "bystander", []string{"-pthread"}},
		{&p.static, "nothing", []string{"-static"}},
	} {
		*program.path = filepath.Join(p.dir, program.source)
		source := filepath.Join(tests, "bench", "csrc", program.source+".c")
		args := append([]string{"-O2", "-Wall", "-Wextra", "-o", *program.path, source}, program.flags...)
		if out, err := exec.CommandContext(ctx, compiler, args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s %s: %w\n%s", compiler, strings.Join(args, " "), err, out)
		}
	}
	if err := p.linkTools(); err != nil {
		return nil, err
	}
	return p, nil
}

// linkTools gives the static program many names.
func (p *Programs) linkTools() error {
	p.tools = filepath.Join(p.dir, "tools")
	if err := os.RemoveAll(p.tools); err != nil {
		return err
	}
	if err := os.Mkdir(p.tools, 0o750); err != nil {
		return err
	}
	for _, tool := range p.toolPaths() {
		if err := os.Link(p.static, tool); err != nil {
			return err
		}
	}
	return nil
}

func (p *Programs) toolPaths() []string {
	paths := make([]string, 0, commandNames)
	for i := range commandNames {
		paths = append(paths, filepath.Join(p.tools, fmt.Sprintf(toolPrefix+"%02d", i)))
	}
	return paths
}

// knowsOption reports whether the plugin has an option.
func (p *Programs) knowsOption(ctx context.Context, name string) (bool, error) {
	sample, err := exec.CommandContext(ctx, p.plugin, "sample-config").Output()
	return bytes.Contains(sample, []byte("# "+name+" = ")), err
}

// goCommand runs the go command for static programs, and returns what it prints.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(bytes.TrimSpace(out)), nil
}
