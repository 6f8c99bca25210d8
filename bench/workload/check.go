package workload

import (
	"errors"
	"fmt"
)

// list looks for the actor's keys in the list of all.
func (a *actor) list() error {
	all, err := a.all("ListKeys", "Keys", "KeyId", fields{"Limit": 1000})
	if err != nil {
		return err
	}
	for _, k := range a.keys {
		if all[k.id] != 1 {
			return fmt.Errorf("ListKeys: key %s is there %d times, want once", k.id, all[k.id])
		}
	}
	return nil
}

// all is how often each value of a field is in all pages of a list.
func (a *actor) all(operation, list, field string, in fields) (map[string]int, error) {
	seen := map[string]int{}
	for {
		var page map[string]any
		if err := a.must(operation, in, &page); err != nil {
			return nil, err
		}
		entries, _ := page[list].([]any)
		for _, e := range entries {
			value, _ := e.(fields)[field].(string)
			seen[value]++
		}
		if more, _ := page["Truncated"].(bool); !more {
			return seen, nil
		}
		in["Marker"] = page["NextMarker"]
	}
}

// check compares everything that was acknowledged to the actor with what there is, while it does nothing else.
func (a *actor) check() error {
	var errs []error
	for _, k := range append(a.keys, a.dead...) {
		errs = append(errs, a.looks(k))
		if len(k.grants) > 0 || k.unborn > 0 {
			errs = append(errs, a.checkGrants(k))
		}
	}
	targets, err := a.aliasTargets()
	errs = append(errs, err)
	for name, f := range a.aliases {
		errs = append(errs, f.settle(name, targets[name]))
	}
	for _, s := range a.sealed {
		if s.key.state.is == enabled {
			errs = append(errs, a.opens(s))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("actor %d: %w", a.n, err)
	}
	return nil
}

func (a *actor) checkGrants(k *key) error {
	there, err := a.all("ListGrants", "Grants", "GrantId", fields{"KeyId": k.id})
	if err != nil {
		return err
	}
	for id, f := range k.grants {
		got := ""
		if there[id] > 0 {
			got = "there"
		}
		if err := f.settle("grant "+id, got); err != nil {
			return err
		}
		delete(there, id)
		if f.is == "" {
			delete(k.grants, id)
		}
	}
	if len(there) > k.unborn {
		return fmt.Errorf("key %s: %d grants that nobody was told of, want %d at most", k.id, len(there), k.unborn)
	}
	for id := range there {
		k.grants[id] = &fact{is: "there"}
	}
	k.unborn = 0
	return nil
}

func (a *actor) aliasTargets() (map[string]string, error) {
	targets, in := map[string]string{}, fields{"Limit": 100}
	for {
		var page struct {
			Aliases    []struct{ AliasName, TargetKeyId string }
			Truncated  bool
			NextMarker string
		}
		if err := a.must("ListAliases", in, &page); err != nil {
			return nil, err
		}
		for _, one := range page.Aliases {
			targets[one.AliasName] = one.TargetKeyId
		}
		if !page.Truncated {
			return targets, nil
		}
		in["Marker"] = page.NextMarker
	}
}
