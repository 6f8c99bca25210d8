package postgres

import (
	"fmt"
	"strings"
)

// A Replication is what an operator says of how the database keeps copies of itself.
type Replication string

const (
	Unsaid  Replication = ""        // what the server shows of itself is all there is to go by
	Sync    Replication = "sync"    // PostgreSQL's own, synchronous: required
	Storage Replication = "storage" // below PostgreSQL, or by consensus: nothing here can see it, so it is believed
	None    Replication = "none"    // there is one server, and no other ever takes its place
)

// A Footing says whether a bound on how old decisions may be can rest on a server: whether one that takes its
// place has all that was acknowledged, and takes its place alone.
type Footing struct {
	Level Level
	Text  string // why, and what to do about it
}

// A Level is how much of a bound is left.
type Level int

const (
	Void   Level = iota // nothing can be promised
	Longer              // the bound, and after a failover the time until the former primary is fenced
	Firm                // the bound
)

// Footing judges the server by what it shows and what the operator says (docs/coherence.md, "What it needs of the
// store").
func (s Server) Footing(said Replication) Footing {
	switch {
	case s.Unsafe != "":
		return Footing{Void, s.Unsafe + "=off: a crash takes back what was acknowledged"}
	case s.Commit != "on" && s.Commit != "":
		return Footing{Void, "commits are made with synchronous_commit=" + s.Commit + ", although each asks for on: something between here and the server changes settings"}
	case said == Storage:
		return Footing{Firm, "copies are kept below PostgreSQL, by --store-replication=storage" + s.never()}
	case s.Names == "":
		return s.asynchronous(said)
	}
	return s.synchronous()
}

// asynchronous is of a server whose commits wait for nobody.
func (s Server) asynchronous(said Replication) Footing {
	switch {
	case said == None && len(s.Standbys) == 0:
		return Footing{Firm, "one server, whose place no other takes, by --store-replication=none"}
	case len(s.Standbys) > 0:
		return Footing{Void, "synchronous_standby_names is empty, with " + s.connected() + ": acknowledged revocations can be lost at failover"}
	case said == Sync:
		return Footing{Void, "synchronous_standby_names is empty and no standby is connected"}
	}
	return Footing{Void, "no synchronous standby: a server that takes this one's place may bring back what was revoked. Name one in synchronous_standby_names, " +
		"or say which it is: --store-replication=none (no other ever takes its place) or storage (copies are kept below PostgreSQL, as by Aurora or AlloyDB)"}
}

// synchronous is of a server whose commits wait for standbys.
func (s Server) synchronous() Footing {
	n, ok := parseNames(s.Names)
	var waited, matched []string
	for _, b := range s.Standbys {
		if b.waited() {
			waited = append(waited, b.Name)
		}
		if b.waited() || b.Sync == "potential" {
			matched = append(matched, b.Name)
		}
	}
	setting := "synchronous_standby_names = " + s.Names
	switch {
	case !ok:
		return Footing{Void, setting + ", which cannot be understood here"}
	case !s.Blind && len(waited) == 0:
		return Footing{Void, setting + ", and none of them is connected: commits wait"}
	case !n.all() || len(matched) > n.count:
		return Footing{Longer, fmt.Sprintf("%s: commits wait for %d of several, so when one is promoted another may go on acknowledging for the former primary until that is fenced. "+
			"Name as many as commits wait for, or leave the list to Patroni's synchronous_mode", setting, n.count) + s.never()}
	case s.Blind:
		return Footing{Firm, "commits wait for " + setting + "; who is connected cannot be seen: GRANT pg_monitor to this user" + s.never()}
	}
	return Footing{Firm, "commits wait for " + strings.Join(waited, ", ") + s.never()}
}

// never warns of standbys that may lack what was acknowledged.
func (s Server) never() string {
	var names []string
	for _, b := range s.Standbys {
		if b.Sync == "async" {
			names = append(names, b.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; promote none that replicates asynchronously: " + strings.Join(names, ", ")
}

// connected names the standbys, as far as this user may see names.
func (s Server) connected() string {
	var names []string
	for _, b := range s.Standbys {
		if b.Name != "" {
			names = append(names, b.Name)
		}
	}
	who := "standbys"
	if len(s.Standbys) == 1 {
		who = "a standby"
	}
	if len(names) > 0 {
		who += " (" + strings.Join(names, ", ") + ")"
	}
	return who + " connected that commits do not wait for"
}
