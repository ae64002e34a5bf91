package access

import (
	"fmt"

	"drawbridge/policy"
	"drawbridge/policy/signed"
	"drawbridge/schema"
	"drawbridge/store"
)

// A bridge has a folder of documents beside it. It is taken up when the bridge is
// started, or told to read it again, if the folder changed since it was last looked at
// and the policy in force lets it: where that demands that people agree to a plan, the
// folder is a proposal like any other. What came into force by other ways is not undone
// by an old folder.

// settingFolder is the digest of the folder as it was last looked at.
const settingFolder = "policyFolder"

// A TakenUp says what became of the folder.
type TakenUp struct {
	Draft   *Draft // what is in force now
	Changed bool   // it came into force just now
	Stays   string // why the folder did not; empty where both are one
}

// TakeUp puts the folder in force, or says why what is in force stays. Now is the policy
// in force, nil where there is none, or none that can be read.
func TakeUp(tx store.Tx, now, folder *Draft, by string) (t TakenUp, err error) {
	digest := folder.Book.Digest()
	last, err := store.Settings.Get(tx, settingFolder)
	if err != nil && !schema.IsNotFound(err) {
		return t, err
	}
	before, err := store.PolicyInForce(tx)
	if err != nil {
		return t, err
	}
	if err := noteCommit(tx, schema.Publication{Digest: before}); err != nil { // which another version of the program may not have kept
		return t, err
	}
	t.Draft, t.Stays = folder, stays(now, folder, last.Value)
	var commit signed.Commit
	seen := true
	if t.Stays == "" {
		if t.Stays, commit, err = unsigned(tx, now, folder); err != nil {
			return t, err
		}
		seen = t.Stays == "" // or it may be signed as it is
	}
	if t.Stays == "" && now != nil {
		if t.Stays, err = gated(tx, folder.Book); err != nil {
			return t, err
		}
	}
	if t.Stays != "" {
		t.Draft, commit = now, now.Signed
	}
	was := "" // why it is published under another digest than it was
	if before != "" && before != t.Draft.Book.Digest() && (now == nil || now.Book.Digest() == t.Draft.Book.Digest()) {
		was = fmt.Sprintf("policy %s as this version of the program reads it", brief(before))
		if now == nil {
			was = fmt.Sprintf("policy %s was put in force without its documents", brief(before))
		}
	}
	q := schema.Publication{Outcome: was, Reread: was != "", Commit: commit.ID, Folder: commit.Folder, Author: commit.Author, Signer: commit.Signer}
	_, t.Changed, err = putInForce(tx, t.Draft.Book, t.Draft.Files, q, Decider{Actor: by})
	if err != nil {
		return t, err
	}
	if last.Value != digest && seen {
		if err := store.Settings.Put(tx, store.Setting{Name: settingFolder, Value: digest}); err != nil {
			return t, err
		}
	}
	return t, reportFolder(tx, t, digest)
}

// stays says why a folder is not taken up; nothing if it is.
func stays(now, folder *Draft, last string) string {
	if now == nil || now.Book.Digest() == folder.Book.Digest() {
		return ""
	}
	if now.Book.OnlyLowers(folder.Book) == nil { // which demands nothing of anybody
		return ""
	}
	rules := now.Book.Publication()
	must := seatsOf(rules, now.Book.Beyond(folder.Book))
	switch err := folder.meets(rules); {
	case len(must) > 0:
		return fmt.Sprintf("the policy folder is not what is in force, and %s must agree to it: drawbridge policy propose", must.must())
	case rules.Requires(policy.RequirePlan):
		return "the policy folder is not what is in force, and it takes a plan to publish it: drawbridge policy publish --plan FILE"
	case last == folder.Book.Digest():
		return "the policy folder is not what is in force, and did not change since it was: drawbridge policy publish puts it in force again"
	case err != nil:
		return err.Error()
	}
	return ""
}

// reportFolder keeps the one finding about the folder.
func reportFolder(tx store.Tx, t TakenUp, digest string) error {
	open, err := findings(tx, findingFolder)
	if err != nil {
		return err
	}
	subject := "policy/" + digest
	for _, f := range open {
		if f.Subject == subject && t.Stays != "" {
			continue
		}
		if err := resolve(tx, f); err != nil {
			return err
		}
	}
	if t.Stays == "" {
		return nil
	}
	return Report(tx, t.Draft.Book, "bridge", schema.Finding{Kind: findingFolder, Subject: subject, Reason: t.Stays})
}

// folderInForce resolves what was found about the folder once it is in force by another
// way.
func folderInForce(tx store.Tx, digest string) error {
	open, err := findings(tx, findingFolder)
	if f, found := open["policy/"+digest]; found && err == nil {
		err = resolve(tx, f)
	}
	return err
}
