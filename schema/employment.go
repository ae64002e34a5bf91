package schema

// EmploymentOver reports whether a word for the state of employment says that there is
// none any more.
func EmploymentOver(status string) bool { return status == "ended" || status == "terminated" }
