package policy

// Decide is access.md §4.3, and of a role that is to be assumed the same with its trust policy in the place of
// the key policy (§2.4); there are no grants on roles.
func (f *Findings) Decide(g Grant) Decision {
	p := f.q.Principal
	if !f.q.Key {
		g = NoGrant
	}
	switch {
	case p.Kind < Root || p.Kind > WebIdentity, p.Kind == WebIdentity && !f.q.Trust, f.q.Key && f.q.Trust:
		return Decision{Reason: UnknownPrincipal} // or nothing that may be asked
	case f.undecided:
		return Decision{Reason: NotDecided}
	case f.deny.Source != NoSource:
		return Decision{Reason: ExplicitDeny, By: f.deny}
	case !f.q.Key && !f.q.Trust:
		return f.byIdentity(f.identity)
	case p.Kind == Service, p.Kind == WebIdentity:
		return f.byName(g)
	case p.Account == f.q.Owner:
		return f.within(g)
	}
	return f.across(g)
}

// byIdentity is the caller's own side, which a root user always has; by is what gets the credit.
func (f *Findings) byIdentity(by Ref) Decision {
	switch {
	case f.q.Principal.Kind == Root:
		return Decision{Allowed: true, Reason: Allowed, By: by}
	case f.identity.Source == NoSource:
		return Decision{Reason: NoIdentityPolicy}
	}
	return f.limited(by)
}

// limited lets boundary and session policy have their say.
func (f *Findings) limited(by Ref) Decision {
	switch {
	case f.noSession:
		return Decision{Reason: NoSessionPolicy}
	case f.noBoundary:
		return Decision{Reason: NoBoundary}
	}
	return Decision{Allowed: true, Reason: Allowed, By: by}
}

// byName: services and web identities are nobody's; everyone does not mean them, and they have no side of
// their own.
func (f *Findings) byName(g Grant) Decision {
	switch {
	case f.owner&AsItself != 0:
		return Decision{Allowed: true, Reason: Allowed, By: f.credit(AsItself)}
	case g != NoGrant:
		return Decision{Allowed: true, Reason: Allowed, By: Ref{Source: AGrant}}
	}
	return f.silent()
}

// silent: the owner's side says nothing.
func (f *Findings) silent() Decision {
	if f.q.Trust {
		return Decision{Reason: NoTrustPolicy}
	}
	return Decision{Reason: NoKeyPolicy}
}

// within: a key or a role of the caller's own account. Whoever its policy names needs nothing else; a boundary
// or a session limits what a role, the account or a grant gives.
func (f *Findings) within(g Grant) Decision {
	if f.owner&(AsItself|AsEveryone) != 0 {
		return Decision{Allowed: true, Reason: Allowed, By: f.credit(AsItself | AsEveryone)}
	}
	d := f.silent()
	if f.owner&AsAccount != 0 {
		d = f.byIdentity(f.credit(AsAccount))
	}
	if !d.Allowed && f.owner&AsRole != 0 {
		d = f.limited(f.credit(AsRole))
	}
	switch {
	case d.Allowed || g == NoGrant:
	case g == GrantedItself:
		d = Decision{Allowed: true, Reason: Allowed, By: Ref{Source: AGrant}}
	case g == GrantedAccount:
		d = f.byIdentity(Ref{Source: AGrant})
	default:
		d = f.limited(Ref{Source: AGrant})
	}
	return d
}

// across: another account's key or role. Its account must let the caller use it, and the caller's own account
// must let them too: by a policy of theirs, or by having created the grant itself.
func (f *Findings) across(g Grant) Decision {
	if f.owner == 0 && g == NoGrant || !f.q.CrossAccount && !f.q.Trust {
		return Decision{Reason: OutsideTheAccount}
	}
	by := Ref{Source: AGrant}
	if f.owner != 0 {
		by = f.credit(f.owner)
	}
	d := f.byIdentity(by)
	if !d.Allowed && g == GrantedOwn {
		d = f.limited(by)
	}
	if !d.Allowed {
		return Decision{Reason: OutsideTheAccount}
	}
	return d
}
