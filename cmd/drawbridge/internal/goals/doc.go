// Package goals measures the whole bridge against limits that it takes in the
// same run, and prints a line for each goal: what was measured, what is wanted,
// and whether it holds. docs/performance.md says what they mean.
//
// There is nothing in it but benchmarks:
//
//	make bench
//
// What is measured runs in a process of its own, so that its processor time, its
// memory and its death are its own; the load and the targets are in the process
// of the benchmark. All of it is on loopback, and ends by itself.
package goals
