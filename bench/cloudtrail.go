package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// statTicks reads user and system time from the line of /proc/PID/stat: the
// fields after the command's name, which may hold anything.
func statTicks(stat string) int64 {
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return user + system
}

// cloudTrail measures the size of CloudTrail records with their raw bytes, on
// those that the demo makes.
func (r *rig) cloudTrail(ctx context.Context) error {
	file := filepath.Join(r.work, "cloudtrail.ndjson")
	defer os.Remove(file)
	mean, err := r.writeCloudTrail(ctx, file)
	if err != nil {
		return err
	}
	n := r.CloudTrail
	r.say("%d CloudTrail records of %d bytes on average", n, mean)
	dir := filepath.Join(r.work, "cloudtrail")
	defer os.RemoveAll(dir)
	took, out, err := runProgram(ctx, r.evident, "import", "--source", "aws.cloudtrail/bench", "--data", dir, file)
	if err != nil {
		r.note("import of CloudTrail: %v", err)
		return ctx.Err()
	}
	r.add("evident, CloudTrail records imported a second", float64(n)/took.Seconds())
	r.say("%s", tail(out, 300))
	// A server seals and indexes what the import has left.
	s, err := r.startEvident(ctx, dir)
	if err != nil {
		return err
	}
	if err := r.settled(ctx, s); err != nil {
		return err
	}
	s.stop()
	r.size(fmt.Sprintf("CloudTrail records of %d bytes, raw beside", mean), dir, bytesCloud)
	return nil
}

// writeCloudTrail makes the records with a program that is built from the
// product's module.
func (r *rig) writeCloudTrail(ctx context.Context, file string) (mean int, err error) {
	code, err := filepath.Abs("records/main.go")
	if err != nil {
		return 0, err
	}
	program := filepath.Join(r.work, "records")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, code)
	build.Dir = r.Root
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build records: %w\n%s", err, out)
	}
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	cmd := exec.CommandContext(ctx, program, "-n", strconv.Itoa(r.CloudTrail))
	cmd.Stdout, cmd.Stderr = f, os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("make records: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return int(info.Size()) / r.CloudTrail, f.Sync()
}
