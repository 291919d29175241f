package vm

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/proc-connector/telegraf-proc-connector/test/vm/internal/cpio"
)

// tree writes a file tree into an archive, each file after the directories that it
// is in and none twice.
type tree struct {
	w     *cpio.Writer
	added map[string]bool
}

func newTree(w io.Writer) *tree {
	return &tree{w: cpio.NewWriter(w), added: map[string]bool{"/": true}}
}

func (r *tree) close() error { return r.w.Close() }

// dir adds a directory.
func (r *tree) dir(name string) {
	if r.added[name] {
		return
	}
	r.dir(path.Dir(name))
	r.added[name] = true
	r.w.Dir(name, 0o755)
}

// text adds a file with that content.
func (r *tree) text(name, content string) {
	r.dir(path.Dir(name))
	r.added[name] = true
	r.w.File(name, 0o644, int64(len(content)), strings.NewReader(content))
}

// file adds a file of the host.
func (r *tree) file(name, from string) error {
	if r.added[name] {
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r.dir(path.Dir(name))
	r.added[name] = true
	// Everybody may read and run it there, as tests become somebody else.
	r.w.File(name, uint32(info.Mode().Perm())|0o444|uint32(info.Mode().Perm())>>2&0o111, info.Size(), f)
	return nil
}

// same adds a file of the host at the same place, and the links on the way to it.
func (r *tree) same(name string) error {
	at := "/"
	parts := strings.Split(strings.Trim(filepath.Clean(name), "/"), "/")
	for i, part := range parts {
		at = path.Join(at, part)
		info, err := os.Lstat(at)
		switch {
		case err != nil:
			return err
		case info.Mode().Type() == os.ModeSymlink:
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			if !r.added[at] {
				r.added[at] = true
				r.w.Symlink(at, target)
			}
			if !path.IsAbs(target) {
				target = path.Join(path.Dir(at), target)
			}
			return r.same(path.Join(append([]string{target}, parts[i+1:]...)...))
		case info.IsDir():
			r.dir(at)
		default:
			return r.file(at, at)
		}
	}
	return nil
}

// program adds a program of the host with the libraries that it needs.
func (r *tree) program(name string) error {
	found, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	if err := r.same(found); err != nil {
		return err
	}
	libraries, err := librariesOf(found)
	if err != nil {
		return err
	}
	for _, library := range libraries {
		if err := r.same(library); err != nil {
			return err
		}
	}
	return nil
}

// librariesOf returns the loader of a program and the libraries that it loads.
func librariesOf(program string) ([]string, error) {
	file, err := elf.Open(program)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	defer file.Close()
	var loader string
	for _, p := range file.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b, err := io.ReadAll(p.Open())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
		loader = strings.TrimRight(string(b), "\x00")
	}
	if loader == "" {
		return nil, nil
	}

	// Nobody knows better than the loader, which prints lines such as
	// "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0000000000)".
	out, err := exec.Command(loader, "--list", program).Output()
	if err != nil {
		return nil, fmt.Errorf("libraries of %s: %w", program, err)
	}
	libraries := []string{loader}
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		if strings.Contains(lines.Text(), "not found") {
			return nil, fmt.Errorf("libraries of %s: %s", program, strings.TrimSpace(lines.Text()))
		}
		for _, word := range strings.Fields(lines.Text()) {
			if path.IsAbs(word) {
				libraries = append(libraries, word)
			}
		}
	}
	return libraries, lines.Err()
}
