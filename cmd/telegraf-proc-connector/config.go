package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector"
)

const pluginName = "proc_connector"

// seeSample is what to add to an error that looking at a right file helps with.
const seeSample = " (telegraf-proc-connector sample-config shows what is allowed)"

// loadPlugin returns the plugin with the options of a file, or with its
// defaults if path is empty. Whatever the file holds beyond one section of
// known options with permitted values is an error: Telegraf's own loader for
// external plugins would skip it, and the operator would not know.
func loadPlugin(path string, log telegraf.Logger) (*proc_connector.ProcConnector, error) {
	plugin, ok := inputs.Inputs[pluginName]().(*proc_connector.ProcConnector)
	if !ok {
		return nil, errors.New("the plugin is not registered")
	}
	if path != "" {
		if err := loadFile(path, plugin); err != nil {
			return nil, err
		}
	}
	plugin.Log = log
	if err := plugin.Init(); err != nil {
		if path == "" {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plugin, nil
}

func loadFile(path string, plugin *proc_connector.ProcConnector) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the configuration failed: %w%s", err, seeSample)
	}
	expanded, err := expandBare(strings.TrimPrefix(string(text), "\ufeff"))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	var file map[string]map[string]toml.Primitive
	meta, err := toml.Decode(expanded, &file)
	if err != nil {
		return fmt.Errorf("%s: %w%s", path, err, seeSample)
	}
	if err := checkKeys(path, meta.Keys()); err != nil {
		return err
	}
	section, ok := file["inputs"][pluginName]
	if !ok {
		return fmt.Errorf("%s: there is no section [[inputs.%s]]%s", path, pluginName, seeSample)
	}
	if err := expandStrings(meta, section); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var sections []toml.Primitive
	if err := meta.PrimitiveDecode(section, &sections); err != nil {
		return fmt.Errorf("%s: write the section's name in double brackets, [[inputs.%s]]", path, pluginName)
	}
	if len(sections) > 1 {
		return fmt.Errorf("%s: there are %d sections [[inputs.%s]], and this program runs one: start it once for each, with a file of its own",
			path, len(sections), pluginName)
	}
	if err := meta.PrimitiveDecode(sections[0], plugin); err != nil {
		return fmt.Errorf("%s: %w%s", path, err, seeSample)
	}
	return nil
}

// checkKeys refuses what means nothing here, and says where it may belong. Names
// count as they are written, although TOML's decoder would be content with other
// capitals.
func checkKeys(path string, keys []toml.Key) error {
	allowed := options()
	for _, key := range keys {
		switch {
		case key[0] != "inputs" || len(key) > 1 && key[1] != pluginName:
			return fmt.Errorf("%s: %q is not for this program, only one section [[inputs.%s]] is: the rest belongs in Telegraf's own configuration",
				path, key.String(), pluginName)
		case len(key) > 2 && !slices.Contains(allowed, strings.Join(key[2:], ".")):
			return fmt.Errorf("%s: %q is no option of [[inputs.%s]], allowed are %s (options of every Telegraf input belong in its section [[inputs.execd]])",
				path, strings.Join(key[2:], "."), pluginName, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// options lists the options of the plugin.
func options() []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[proc_connector.ProcConnector]()) {
		if name := field.Tag.Get("toml"); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
