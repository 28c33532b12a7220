//go:build long

package study

// clusterSteps are the steps of the study of TestRunOnBadCluster, each of three parts and a
// merge: 1,000 jobs.
const clusterSteps = 250
