//go:build linux

package proc_connector

import (
	"errors"
	"reflect"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/catcher"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// A startupError is why the plugin could not start. Telegraf's option
// startup_error_behavior applies only to errors that errors.As finds to be its
// own internal.StartupError, which no module but Telegraf's can name: so As makes
// one. Within Telegraf's tree this file would be a literal of that type.
type startupError struct {
	err   error
	retry bool // a later start may succeed
}

func newStartupError(err error) error {
	retry := true
	for _, final := range []error{
		// Neither the kernel nor what this process is will become another.
		cnproc.ErrNotLinux, cnproc.ErrNoConnector, cnproc.ErrNoProcEvents, cnproc.ErrPermission,
		cnproc.ErrNetlinkDenied, cnproc.ErrOldKernel, cnproc.ErrTimeNamespace,
		cnproc.ErrNetworkNamespace, cnproc.ErrPIDNamespace, cnproc.ErrUserNamespace, catcher.ErrNotPermitted,
	} {
		retry = retry && !errors.Is(err, final)
	}
	return &startupError{err: err, retry: retry}
}

func (e *startupError) Error() string { return e.err.Error() }

func (e *startupError) Unwrap() error { return e.err }

// As fills in the target if it is a pointer to a *internal.StartupError.
func (e *startupError) As(target any) bool {
	pointer := reflect.TypeOf(target).Elem()
	if pointer.Kind() != reflect.Pointer || pointer.Elem().Kind() != reflect.Struct ||
		pointer.Elem().PkgPath() != "github.com/influxdata/telegraf/internal" || pointer.Elem().Name() != "StartupError" {
		return false
	}
	made := reflect.New(pointer.Elem())
	for name, value := range map[string]any{"Err": e.err, "Retry": e.retry} {
		field, v := made.Elem().FieldByName(name), reflect.ValueOf(value)
		if !field.IsValid() || !v.Type().AssignableTo(field.Type()) {
			return false // a Telegraf whose type is another
		}
		field.Set(v)
	}
	reflect.ValueOf(target).Elem().Set(made)
	return true
}
