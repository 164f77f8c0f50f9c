package rules

// Findings in files as such, and in how they take in each other.
var (
	unreadableFile = newKind(Kind{
		Code: "V001", Title: "A file cannot be read",
		What: "A rule file that is named, by an include for example, is not there or must not be read; or more than 256 are included.",
		Why:  "Its rules would be missing from every call. While parts are missing, nothing is said of states, timers and what is unused.",
		Example: `include = ["hause.toml"]
`,
		Cured: `include = ["house.toml"]
`,
		Beside: map[string]string{"house.toml": `[[rule]]
name = "what people write is not for the bridge"
on   = "matrix m.room.message"
`},
	})
	notTOML = newKind(Kind{
		Code: "V002", Title: "The file is no TOML there",
		What: "The text does not follow the grammar of TOML: a quote or bracket is not closed, a key is set twice, a value is missing.",
		Why:  "The section with the fault is left out, so that the faults of all others are found in the same run.",
		Example: `[[rule]]
name = "answered"
on   = verto verto.answer
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	unknownKey = newKind(Kind{
		Code: "V003", Title: "Unknown key",
		What: "A key means nothing where it stands.",
		Why:  "It would do nothing, without a word: a rule whose when is misspelt has no condition at all.",
		Example: `[[rule]]
name = "answered"
on   = "verto verto.answer"
wen  = 'msg.params.sdp != nil'
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
when = 'msg.params.sdp != nil'
`,
	})
	wrongValue = newKind(Kind{
		Code: "V004", Title: "A value of the wrong kind",
		What: "A key holds a number, text, a list or a table where something else belongs. Conditions and expressions stand in quotes.",
		Why:  "What was meant cannot be told from it.",
		Example: `[[rule]]
name = "answered"
on   = "verto verto.answer"
when = true
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
when = 'msg.params.sdp != nil'
`,
	})
	notUTF8 = newKind(Kind{
		Code: "V005", Title: "Text that is not UTF-8",
		What: "The file holds a byte that is not UTF-8, most often since an editor saved it as Latin-1.",
		Why:  "Names with such letters would compare with nothing that a message holds.",
		Example: `[[rule]]
name = "the caf` + "\xe9" + ` answers"
on   = "verto verto.answer"
`,
		Cured: `[[rule]]
name = "the café answers"
on   = "verto verto.answer"
`,
	})
	includeLoop = newKind(Kind{
		Code: "V006", Title: "A file includes itself",
		What: "An include leads back to the file that it stands in, at once or by way of others.",
		Why:  "Nobody could say which rules come first.",
		Example: `include = ["rules.toml"]

[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
		Cured: `[[rule]]
name = "answered"
on   = "verto verto.answer"
`,
	})
	unknownRuleSet = newKind(Kind{
		Code: "V007", Title: "No rule set is called so",
		What: "An include without .toml names a rule set that comes with Vertigo, and there is none of that name. `vertigo rules` lists them.",
		Why:  "Its rules would be missing from every call.",
		Example: `include = ["matrix-vert"]
vars = { emergency = "refuse" }
`,
		Cured: `include = ["matrix-verto"]
vars = { emergency = "refuse" }
`,
	})
	sameName = newKind(Kind{
		Code: "V008", Title: "Two rules have one name",
		What: "Two rules of a file, or of files that are read side by side, have the same name. The later one is left out.",
		Why:  "Logs, ladders and files that replace a rule call it by its name.",
		Example: `[[rule]]
name = "the far end hangs up"
on   = "verto verto.bye"

[[rule]]
name = "the far end hangs up"
on   = "verto verto.gone"
`,
		Cured: `[[rule]]
name = "the far end hangs up"
on   = ["verto verto.bye", "verto verto.gone"]
`,
	})
	sameIncludedName = newKind(Kind{
		Code: "V009", Title: "Two included files have a rule of one name",
		What: "Two files that are included side by side each have a rule of the same name.",
		Why:  "Neither includes the other, so neither rule can be meant to replace the other one.",
		Example: `include = ["day.toml", "night.toml"]
`,
		Cured: `include = ["day.toml"]
`,
		Beside: map[string]string{"day.toml": `[[rule]]
name = "answered"
on   = "verto verto.answer"
`, "night.toml": `[[rule]]
name = "answered"
on   = "verto verto.media"
`},
	})
	noRules = newKind(Kind{
		Code: "V010", Title: "There is not a single rule",
		What: "The files hold no rule, and include none.",
		Why:  "Every message would be unmatched.",
		Example: `[vars]
extension = "9196"
`,
		Cured: `include = ["matrix-verto"]

[vars]
emergency = "refuse"
extension = "9196"
`,
	})
)
