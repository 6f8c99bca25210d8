package console

// changeIdentity does one of the small things that the page of an identity has buttons for.
func (v *visit) changeIdentity() error {
	k, name := v.kind(), v.hr.PathValue("name")
	action, said, in := v.wanted(k)
	if action == "" {
		return &Refusal{Status: 400, Code: "NoSuchChange", Message: "This page has no such button."}
	}
	err := v.iam(action, nil, append(in, k.Noun+"Name", name)...)
	if refusal := refusalOf(err); refusal != nil {
		return v.identity(refusal, v.typed("trust"))
	}
	if err != nil {
		return err
	}
	return v.done(k.At(name), said)
}

// wanted is the operation that a button stands for, what is said when it was done, and what it takes beside the name.
func (v *visit) wanted(k kind) (action, said string, in []string) {
	value := v.typed
	switch v.hr.PostForm.Get("do") {
	case "attach":
		return k.Of("Attach", "Policy"), "The policy is attached, and in force with the next request.", []string{"PolicyArn", value("policy")}
	case "detach":
		return k.Of("Detach", "Policy"), "The policy is detached. What it allowed, it allows no more.", []string{"PolicyArn", value("policy")}
	case "tag", "untag":
		return v.tagging(k.Noun)
	case "boundary":
		return k.Of("Put", "PermissionsBoundary"), "The boundary holds from the next request on.", []string{"PermissionsBoundary", value("policy")}
	case "unbound":
		return k.Of("Delete", "PermissionsBoundary"), "There is no boundary any more.", nil
	case "describe":
		return "UpdateRole", "The role was changed.", []string{"Description", value("description"), "MaxSessionDuration", value("seconds")}
	case "trust":
		return "UpdateAssumeRolePolicy", "The trust policy was changed. Sessions that are under way last on.", []string{"PolicyDocument", value("trust")}
	case "add-member":
		return "AddUserToGroup", "The user is in the group.", []string{"UserName", value("user")}
	case "remove-member":
		return "RemoveUserFromGroup", "The user is not in the group any more.", []string{"UserName", value("user")}
	case "join":
		return "AddUserToGroup", "The user is in the group.", []string{"GroupName", value("group")}
	case "leave":
		return "RemoveUserFromGroup", "The user is not in the group any more.", []string{"GroupName", value("group")}
	case "enable-key":
		return "UpdateAccessKey", "The access key works again.", []string{"AccessKeyId", value("access-key"), "Status", "Active"}
	case "disable-key":
		return "UpdateAccessKey", "The access key is disabled: requests signed with it are refused, and console sessions that began with it have ended.", []string{"AccessKeyId", value("access-key"), "Status", "Inactive"}
	}
	return "", "", nil
}
