package main

import (
	"reflect"
	"slices"
	"testing"

	"vertigo/editor"
	"vertigo/engine"
	"vertigo/transports/httpjson"
	"vertigo/transports/matrix"
	"vertigo/transports/verto"
	"vertigo/transports/wsjson"
)

// Editors and the reference know each setting that there is, with its kind of
// value, and none besides.
func TestSettingsAreToldOf(t *testing.T) {
	var general []editor.Setting
	config := reflect.TypeFor[config]()
	for i := range config.NumField() {
		field := config.Field(i)
		key := field.Tag.Get("toml")
		switch {
		case key == "" || key == "-" || key == "limits":
		case field.Type.Kind() == reflect.Struct:
			general = append(general, settingsOf(field.Type, key+".")...)
		default:
			general = append(general, settingOf(field, key))
		}
	}
	field, _ := reflect.TypeFor[spokenTable]().FieldByName("Protocol")
	spoken := settingOf(field, field.Tag.Get("toml"))
	for _, c := range []struct {
		name string
		is   []editor.Setting
		told []editor.Setting
	}{
		{"general", general, editor.GeneralSettings},
		{"limits", settingsOf(reflect.TypeFor[engine.Limits](), ""), editor.LimitSettings},
		{"transport", settingsOf(reflect.TypeFor[transportTable](), ""), editor.TransportSettings},
		{"matrix", settingsOf(reflect.TypeFor[matrix.Config](), ""), editor.KindSettings["matrix"]},
		{"verto", settingsOf(reflect.TypeFor[verto.Config](), ""), editor.KindSettings["verto"]},
		{"ws-json", append(settingsOf(reflect.TypeFor[wsjson.Config](), ""), spoken), editor.KindSettings["ws-json"]},
		{"http-json", append(settingsOf(reflect.TypeFor[httpjson.Config](), ""), spoken), editor.KindSettings["http-json"]},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range c.is {
				i := slices.IndexFunc(c.told, func(o editor.Setting) bool { return o.Key == s.Key })
				if i < 0 {
					t.Errorf("%s is not told of", s.Key)
				} else if c.told[i].Form != s.Form {
					t.Errorf("%s is told of as of another kind", s.Key)
				}
			}
			for _, s := range c.told {
				if !slices.ContainsFunc(c.is, func(o editor.Setting) bool { return o.Key == s.Key }) {
					t.Errorf("%s is told of, and does not exist", s.Key)
				}
			}
		})
	}
	if kinds := kindNames(); len(kinds) != len(editor.KindSettings) {
		t.Errorf("there are the kinds %q", kinds)
	}
	for _, k := range kinds {
		for i, key := range k.protocol.Address {
			if told := editor.AddressKeys[k.name]; i >= len(told) || told[i].Name != key {
				t.Errorf("the key %s of a send to %s is not told of", key, k.name)
			}
		}
	}
}

func settingsOf(table reflect.Type, prefix string) []editor.Setting {
	var list []editor.Setting
	for i := range table.NumField() {
		list = append(list, settingOf(table.Field(i), prefix+table.Field(i).Tag.Get("toml")))
	}
	return list
}

func settingOf(field reflect.StructField, key string) editor.Setting {
	s := editor.Setting{Key: key, Form: editor.SettingText}
	switch kind := field.Type.Kind(); {
	case field.Type == durationType:
		s.Form = editor.SettingTime
	case kind == reflect.Bool:
		s.Form = editor.SettingFlag
	case kind == reflect.Int || kind == reflect.Int64:
		s.Form = editor.SettingNumber
	case kind == reflect.Slice && field.Type.Elem().Kind() == reflect.String:
		s.Form = editor.SettingTexts
	case kind == reflect.Slice:
		s.Form = editor.SettingTables
	case kind == reflect.Map:
		s.Form = editor.SettingNamed
	}
	return s
}
