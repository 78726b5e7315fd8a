package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/evident/client"
)

func newKeyCommand(g *global) *cobra.Command {
	return group("key", "Make, list and revoke API keys",
		newKeyCreateCommand(g),
		newKeyListCommand(g),
		newKeyRevokeCommand(g),
	)
}

func newKeyCreateCommand(g *global) *cobra.Command {
	var name, expires string
	var scope client.Scope
	cmd := &cobra.Command{
		Use:   "create (--data DIR | --server URL) --name NAME [--append SOURCE]… [--read] [--admin]",
		Short: "Make an API key",
		Long: `Makes a key and prints its token on standard output, this once: the trail keeps
only its hash. That it was made is a record in the trail.

The first key closes a server that was open to everybody on its machine.` + fmt.Sprintf(exitHelp, "refused"),
		Example: `  evident key create --data DIR --name billing --append app/billing > billing.token
  evident key create --data DIR --name auditor --read --expires 2026-12-31`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var until time.Time
			if expires != "" {
				var err error
				if until, err = parseTime(expires); err != nil {
					return fmt.Errorf("expires: %w", err)
				}
			}
			if len(scope.Append) == 0 && !scope.Read && !scope.Admin {
				return fmt.Errorf("scope: the key could do nothing; give --append SOURCE, --read or --admin")
			}
			return g.withNewTrail(cmd.Context(), func(c *client.Client) error {
				k, token, err := c.CreateKey(cmd.Context(), name, scope, until)
				if err != nil {
					return err
				}
				if g.json {
					return g.printJSON(struct {
						Key   client.Key `json:"key"`
						Token string     `json:"token"`
					}{k, token})
				}
				g.say("Key %s, %q, may %s. This is the only time that its token is shown:", k.ID, k.Name, scopeText(k.Scope))
				_, err = fmt.Fprintln(g.out, visible(token))
				return err
			})
		},
	}
	g.trailFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "what the key is for, for whoever reads the list")
	f.StringArrayVar(&scope.Append, "append", nil, "a source whose events it may append: app/billing, okta/*, or *; repeatable")
	f.BoolVar(&scope.Read, "read", false, "it may read every record, and have packs made")
	f.BoolVar(&scope.Admin, "admin", false, "it may make, list and revoke keys")
	f.StringVar(&expires, "expires", "", "from when on it opens nothing: a date or an RFC 3339 time")
	cmd.MarkFlagRequired("name")
	cmd.RegisterFlagCompletionFunc("append", completeSource)
	return cmd
}

func newKeyListCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list (--data DIR | --server URL)",
		Short: "List every key there ever was, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.withTrail(cmd.Context(), func(c *client.Client) error {
				keys, err := c.Keys(cmd.Context())
				if err != nil {
					return err
				}
				return g.printKeys(keys)
			})
		},
	}
	g.trailFlags(cmd)
	return cmd
}

func (g *global) printKeys(keys []client.Key) error {
	t := table{width: widthOf(g.out), head: []string{"KEY", "NAME", "MAY", "STATE", "CREATED", "BY"}}
	var rows [][]string
	for _, k := range keys {
		if g.json {
			if err := g.printJSON(k); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{k.ID, k.Name, scopeText(k.Scope), keyState(&k), timeText(k.CreatedAt), k.CreatedBy})
	}
	switch {
	case g.json:
		return nil
	case len(keys) == 0:
		g.say("no key was ever made; evident key create makes one")
		return nil
	}
	return t.write(g.out, rows)
}

func keyState(k *client.Key) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + timeText(*k.RevokedAt)
	case !k.Active && k.ExpiresAt != nil:
		return "expired " + timeText(*k.ExpiresAt)
	case k.ExpiresAt != nil:
		return "until " + timeText(*k.ExpiresAt)
	}
	return "in force"
}

func newKeyRevokeCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke (--data DIR | --server URL) KEY",
		Short: "Revoke an API key",
		Long: `Revokes a key, such as evk_k3x7q2ab: it opens nothing any more when the command
ends. That it was revoked is a record in the trail.` + fmt.Sprintf(exitHelp, "there is no such key, or it was revoked before"),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.withTrail(cmd.Context(), func(c *client.Client) error {
				k, err := c.RevokeKey(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return g.print(k, "Key %s, %s, is revoked.\n", visible(k.ID), visible(k.Name))
			})
		},
	}
	g.trailFlags(cmd)
	return cmd
}

func scopeText(s client.Scope) string {
	var may []string
	if len(s.Append) > 0 {
		may = append(may, "append "+strings.Join(s.Append, ", "))
	}
	if s.Read {
		may = append(may, "read")
	}
	if s.Admin {
		may = append(may, "administer")
	}
	return strings.Join(may, ", ")
}
