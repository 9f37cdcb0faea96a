/* Faults of a disk, put between a program and its C library by LD_PRELOAD. The file that WAYBIND_SHIM names says what
   happens to writes and syncs of the data folder: "full", "io", "sync-once", "slow 200"; empty: nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int of_ledger(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return strstr(path, "waybind.db") != NULL || strstr(path, "/anchor") != NULL;
}

static void order(char *text, size_t size) {
    text[0] = 0;
    const char *name = getenv("WAYBIND_SHIM");
    int fd = name ? open(name, O_RDONLY) : -1;
    if (fd < 0) return;
    ssize_t n = read(fd, text, size - 1);
    text[n > 0 ? n : 0] = 0;
    close(fd);
}

static int sync_fault(int fd) {
    char text[64];
    if (!of_ledger(fd)) return 0;
    order(text, sizeof text);
    if (strncmp(text, "slow ", 5) == 0) {
        long ms = atol(text + 5);
        struct timespec span = {ms / 1000, (ms % 1000) * 1000000};
        nanosleep(&span, NULL);
        return 0;
    }
    if (strncmp(text, "sync-once", 9) == 0) {
        int out = open(getenv("WAYBIND_SHIM"), O_WRONLY | O_TRUNC);
        if (out >= 0) close(out);
        errno = EIO;
        return -1;
    }
    if (strncmp(text, "io", 2) == 0) { errno = EIO; return -1; }
    return 0;
}

static int write_fault(int fd) {
    char text[64];
    if (!of_ledger(fd)) return 0;
    order(text, sizeof text);
    if (strncmp(text, "full", 4) == 0) { errno = ENOSPC; return -1; }
    return 0;
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    return sync_fault(fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    return sync_fault(fd) ? -1 : real(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    return write_fault(fd) ? -1 : real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite");
    return write_fault(fd) ? -1 : real(fd, data, size, at);
}
