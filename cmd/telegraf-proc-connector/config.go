package main

import (
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

// loadPlugin returns the plugin with the options of a file, or with its defaults if path is
// empty. Whatever else the file holds is an error: Telegraf's own loader for external plugins
// would skip it, and the operator would not know.
func loadPlugin(path string, log telegraf.Logger) (*proc_connector.ProcConnector, error) {
	plugin := inputs.Inputs[pluginName]().(*proc_connector.ProcConnector)
	plugin.Log = log
	if path == "" {
		err := plugin.Init()
		return plugin, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration failed: %w%s", err, seeSample)
	}
	if err = decode(string(text), plugin); err == nil {
		err = plugin.Init()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plugin, nil
}

func decode(text string, plugin *proc_connector.ProcConnector) error {
	expanded, err := expandBare(strings.TrimPrefix(text, "\ufeff"))
	if err != nil {
		return err
	}
	var file map[string]map[string]toml.Primitive
	meta, err := toml.Decode(expanded, &file)
	if err != nil {
		return fmt.Errorf("%w%s", err, seeSample)
	}
	if err := checkKeys(meta.Keys()); err != nil {
		return err
	}
	section, ok := file["inputs"][pluginName]
	if !ok {
		return fmt.Errorf("there is no section [[inputs.%s]]%s", pluginName, seeSample)
	}
	var sections []toml.Primitive
	if err := meta.PrimitiveDecode(section, &sections); err != nil {
		return fmt.Errorf("write the section's name in double brackets, [[inputs.%s]]", pluginName)
	}
	if len(sections) != 1 {
		return fmt.Errorf("there are %d sections [[inputs.%s]], and this program runs one: start it once for each, with a file of its own",
			len(sections), pluginName)
	}
	if err := expandStrings(meta, sections[0]); err != nil {
		return err
	}
	if err := meta.PrimitiveDecode(sections[0], plugin); err != nil {
		return fmt.Errorf("%w%s", err, seeSample)
	}
	return nil
}

// checkKeys refuses what means nothing here, and says where it may belong. Names count as
// they are written, although TOML's decoder would be content with other capitals.
func checkKeys(keys []toml.Key) error {
	allowed := options()
	for _, key := range keys {
		if key[0] != "inputs" || len(key) > 1 && key[1] != pluginName {
			return fmt.Errorf("%q is not for this program, only one section [[inputs.%s]] is: the rest belongs in Telegraf's own configuration",
				key.String(), pluginName)
		}
		if len(key) > 2 && !slices.Contains(allowed, strings.Join(key[2:], ".")) {
			return fmt.Errorf("%q is no option of [[inputs.%s]], allowed are %s (options of every Telegraf input belong in its section [[inputs.execd]])",
				strings.Join(key[2:], "."), pluginName, strings.Join(allowed, ", "))
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
