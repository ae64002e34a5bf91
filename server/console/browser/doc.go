// Package browser tries the console in a real browser, headless Chromium, with an
// identity provider and a judge of accessibility that nobody here wrote. It is a module
// of its own, so that what drives the browser is no dependency of the product.
//
//	go -C server/console/browser test ./...
//
// SCREENSHOTS=FOLDER keeps a picture of each page there.
package browser
