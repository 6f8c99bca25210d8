package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"qkms/internal/kmstest"
)

// A world is what there should be, kept in the plainest way.
type world struct {
	t     *rapid.T
	root  *kmstest.Client
	id    string                     // of the account
	users map[string]map[string]bool // groups of each
	// Who has each policy, "User a" or "Group a", and each group.
	groups   map[string]bool
	policies map[string]map[string]bool
}

func (w *world) name(of string) string {
	return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(w.t, of)
}

func (w *world) policy() string { return w.arn(w.name("policy")) }

func (w *world) arn(policy string) string { return "arn:aws:iam::" + w.id + ":policy/p" + policy }

func (w *world) check(r *kmstest.Reply, code string) bool {
	w.t.Helper()
	if r.Code() != code {
		w.t.Fatalf("got %d %s, want %q", r.Status, r.Raw, code)
	}
	return code == ""
}

// members are the users of a group.
func (w *world) members(group string) (all []string) {
	for _, u := range slices.Sorted(maps.Keys(w.users)) {
		if w.users[u][group] {
			all = append(all, u)
		}
	}
	return all
}

func (w *world) attached(who string) (all []string) {
	for _, p := range slices.Sorted(maps.Keys(w.policies)) {
		if w.policies[p][who] {
			all = append(all, p)
		}
	}
	return all
}

// first is the code of the first condition that does not hold, or "".
func first(conditions ...any) string {
	for i := 0; i < len(conditions); i += 2 {
		if !conditions[i].(bool) {
			return conditions[i+1].(string)
		}
	}
	return ""
}

func (w *world) createUser(*rapid.T) {
	u := w.name("user")
	if w.check(w.root.IAM("CreateUser", "UserName", u), first(w.users[u] == nil, "EntityAlreadyExists")) {
		w.users[u] = map[string]bool{}
	}
}

func (w *world) deleteUser(*rapid.T) {
	u := w.name("user")
	if w.check(w.root.IAM("DeleteUser", "UserName", u), first(
		w.users[u] != nil, "NoSuchEntity", len(w.users[u]) == 0 && len(w.attached("User "+u)) == 0, "DeleteConflict")) {
		delete(w.users, u)
	}
}

func (w *world) createGroup(*rapid.T) {
	g := w.name("group")
	if w.check(w.root.IAM("CreateGroup", "GroupName", g), first(!w.groups[g], "EntityAlreadyExists")) {
		w.groups[g] = true
	}
}

func (w *world) deleteGroup(*rapid.T) {
	g := w.name("group")
	if w.check(w.root.IAM("DeleteGroup", "GroupName", g), first(
		w.groups[g], "NoSuchEntity", len(w.members(g)) == 0 && len(w.attached("Group "+g)) == 0, "DeleteConflict")) {
		delete(w.groups, g)
	}
}

func (w *world) join(*rapid.T) {
	u, g := w.name("user"), w.name("group")
	if w.check(w.root.IAM("AddUserToGroup", "UserName", u, "GroupName", g), first(w.groups[g] && w.users[u] != nil, "NoSuchEntity")) {
		w.users[u][g] = true
	}
}

func (w *world) leave(*rapid.T) {
	u, g := w.name("user"), w.name("group")
	if w.check(w.root.IAM("RemoveUserFromGroup", "UserName", u, "GroupName", g), first(w.groups[g] && w.users[u][g], "NoSuchEntity")) {
		delete(w.users[u], g)
	}
}

func (w *world) renameUser(*rapid.T) {
	u, to := w.name("user"), w.name("to")
	if w.check(w.root.IAM("UpdateUser", "UserName", u, "NewUserName", to), first(w.users[u] != nil, "NoSuchEntity", u == to || w.users[to] == nil, "EntityAlreadyExists")) && u != to {
		w.users[to] = w.users[u]
		delete(w.users, u)
		w.renamed("User "+u, "User "+to)
	}
}

func (w *world) renameGroup(*rapid.T) {
	g, to := w.name("group"), w.name("to")
	if w.check(w.root.IAM("UpdateGroup", "GroupName", g, "NewGroupName", to), first(w.groups[g], "NoSuchEntity", g == to || !w.groups[to], "EntityAlreadyExists")) && g != to {
		for _, u := range w.members(g) {
			delete(w.users[u], g)
			w.users[u][to] = true
		}
		delete(w.groups, g)
		w.groups[to] = true
		w.renamed("Group "+g, "Group "+to)
	}
}

func (w *world) renamed(from, to string) {
	for _, p := range w.policies {
		if p[from] {
			delete(p, from)
			p[to] = true
		}
	}
}

func (w *world) createPolicy(*rapid.T) {
	n := w.name("policy")
	p := w.arn(n)
	if w.check(w.root.IAM("CreatePolicy", "PolicyName", "p"+n, "PolicyDocument", anyKMS), first(w.policies[p] == nil, "EntityAlreadyExists")) {
		w.policies[p] = map[string]bool{}
	}
}

func (w *world) deletePolicy(*rapid.T) {
	p := w.policy()
	if w.check(w.root.IAM("DeletePolicy", "PolicyArn", p), first(w.policies[p] != nil, "NoSuchEntity", len(w.policies[p]) == 0, "DeleteConflict")) {
		delete(w.policies, p)
	}
}

// somebody is a user or a group, and whether there is one.
func (w *world) somebody() (noun, name string, there bool) {
	noun, name = rapid.SampledFrom([]string{"User", "Group"}).Draw(w.t, "noun"), w.name("name")
	if noun == "User" {
		return noun, name, w.users[name] != nil
	}
	return noun, name, w.groups[name]
}

func (w *world) attach(*rapid.T) {
	noun, name, there := w.somebody()
	p := w.policy()
	if w.check(w.root.IAM("Attach"+noun+"Policy", noun+"Name", name, "PolicyArn", p), first(there && w.policies[p] != nil, "NoSuchEntity")) {
		w.policies[p][noun+" "+name] = true
	}
}

func (w *world) detach(*rapid.T) {
	noun, name, there := w.somebody()
	p := w.policy()
	if w.check(w.root.IAM("Detach"+noun+"Policy", noun+"Name", name, "PolicyArn", p), first(there && w.policies[p][noun+" "+name], "NoSuchEntity")) {
		delete(w.policies[p], noun+" "+name)
	}
}

// agree compares everything the service lists with what there should be.
func (w *world) agree() {
	equal := func(r *kmstest.Reply, element string, want []string) {
		w.t.Helper()
		if got := slices.Sorted(slices.Values(r.Texts(element))); r.Status != 200 || !slices.Equal(got, want) {
			w.t.Fatalf("got %q, want %q: %s", got, want, r.Raw)
		}
	}
	equal(w.root.IAM("ListUsers"), "UserName", slices.Sorted(maps.Keys(w.users)))
	equal(w.root.IAM("ListGroups"), "GroupName", slices.Sorted(maps.Keys(w.groups)))
	equal(w.root.IAM("ListPolicies", "Scope", "Local"), "Arn", slices.Sorted(maps.Keys(w.policies)))
	for u, groups := range w.users {
		equal(w.root.IAM("ListGroupsForUser", "UserName", u), "GroupName", slices.Sorted(maps.Keys(groups)))
		equal(w.root.IAM("ListAttachedUserPolicies", "UserName", u), "PolicyArn", w.attached("User "+u))
	}
	for g := range w.groups {
		equal(w.root.IAM("GetGroup", "GroupName", g), "UserName", w.members(g))
		equal(w.root.IAM("ListAttachedGroupPolicies", "GroupName", g), "PolicyArn", w.attached("Group "+g))
	}
	for p, who := range w.policies {
		equal(w.root.IAM("GetPolicy", "PolicyArn", p), "AttachmentCount", []string{fmt.Sprint(len(who))})
	}
}

// Whatever is done in whatever order, the service and the plainest account of it agree.
func TestModel(t *testing.T) {
	s := kmstest.New(t)
	account := 100000000000
	rapid.Check(t, func(r *rapid.T) {
		account++ // an empty one for each try
		id := fmt.Sprint(account)
		w := &world{t: r, root: s.As(id), id: id, users: map[string]map[string]bool{}, groups: map[string]bool{}, policies: map[string]map[string]bool{}}
		r.Repeat(map[string]func(*rapid.T){
			"create user": w.createUser, "delete user": w.deleteUser, "rename user": w.renameUser,
			"create group": w.createGroup, "delete group": w.deleteGroup, "rename group": w.renameGroup,
			"join": w.join, "leave": w.leave,
			"create policy": w.createPolicy, "delete policy": w.deletePolicy, "attach": w.attach, "detach": w.detach,
		})
		w.agree()
	})
}
