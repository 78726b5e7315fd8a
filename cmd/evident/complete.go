package main

import (
	"strings"

	"github.com/spf13/cobra"

	"example.com/evident/filter"
	"example.com/evident/source/all"
)

// completeKindThenFiles completes the kinds of source, and behind one, files.
func completeKindThenFiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return kindNames(), cobra.ShellCompDirectiveNoFileComp
}

// completeSource completes the kind in KIND/NAME. The name is the user's to give.
func completeSource(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, k := range all.Kinds {
		if !k.Verbatim {
			names = append(names, k.Name+"/")
		}
	}
	return append(names, "app/"), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeFilter completes the last word of a filter: a key, or the value of a
// key that has few.
func completeFilter(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	start := strings.LastIndexAny(text, " (") + 1
	before, word := text[:start], text[start:]
	if minus := strings.HasPrefix(word, "-"); minus {
		before, word = before+"-", word[1:]
	}
	var found []string
	key, value, hasKey := strings.Cut(word, ":")
	for _, k := range filter.Keys() {
		switch name := strings.TrimSuffix(k.Name, "NAME"); {
		case hasKey && k.Name == key:
			for _, w := range k.Words {
				if strings.HasPrefix(w, value) {
					found = append(found, before+key+":"+w)
				}
			}
		case hasKey || !strings.HasPrefix(name, word):
		case name != k.Name: // detail.NAME: the name is not known
			found = append(found, before+name+"\t"+k.Meaning)
		default:
			found = append(found, before+name+":\t"+k.Meaning)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeFields completes a list of fields, separated by commas.
func completeFields(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	before, word := text[:strings.LastIndex(text, ",")+1], text[strings.LastIndex(text, ",")+1:]
	var found []string
	for _, name := range withholdable {
		if strings.HasPrefix(name, word) {
			found = append(found, before+name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// withholdable are the fields that are most often left out of a pack.
var withholdable = []string{
	"actor.email", "actor.id", "actor.name", "actor.session", "detail", "raw", "target", "target.id", "target.name", "targets",
	"where.ip", "where.user_agent",
}
