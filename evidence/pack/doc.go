// Package pack is a folder of evidence that proves itself. Whoever has the folder and
// the public key of a decision log can tell that nothing of it was changed since it
// was made, that its samples were drawn as it says, and that what was sampled is in
// the log. It knows of no store and no policy.
package pack
