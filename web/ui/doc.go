// Package ui is the small web interface: search, one event with its proof, the
// state of the trail, and the form for an evidence pack.
//
// Pages are rendered on the server and work without scripts: every number is a
// link to the records that make it, every action a link or a form. The one
// script, static/evident.js, adds keys, dragging over the histogram, and
// copying. There is no build step, no request to anywhere else, and a
// Content-Security-Policy that forbids everything that the pages do not use.
//
// What is in an event is hostile until shown otherwise. Text from events
// reaches a page through html/template and the functions of visible.go only.
//
// The package stores nothing and decides nothing. What it shows comes from
// [Data]; whether a record verifies is computed here, with package proof, on
// the way to the screen.
//
// Reading order: data.go (what is asked of the rest), routes.go, respond.go,
// then one file for each page, named noun_verb.go.
package ui
