// Package debian fetches packages of Debian and unpacks them, without installing
// anything.
package debian

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Unpack fetches a package and unpacks it into the directory. Which package is found
// out with what apt knows of its sources; that may be old, or nothing at all, so
// it is brought up to date when the first try fails.
func Unpack(dir string, name func() (string, error)) error {
	err := download(dir, name)
	if err != nil {
		_, updated := Output("", "apt-get", "update", "-qq")
		if err = download(dir, name); err != nil {
			return errors.Join(err, updated)
		}
	}
	_, err = Output(dir, "sh", "-c", "dpkg-deb -x *.deb .")
	return err
}

func download(dir string, name func() (string, error)) error {
	pkg, err := name()
	if err != nil {
		return err
	}
	_, err = Output(dir, "apt-get", "download", "-qq", pkg)
	return err
}

// Output runs a program and returns what it prints.
func Output(dir, program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out), nil
}
