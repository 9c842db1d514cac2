/* Loaded into a process by LD_PRELOAD: writes down, in order, what it does to the files under REC_DIR, and what it says on
 * standard output. A sync leaves two records, its begin and its end: only what was written before the begin is surely on the disk.
 *
 * A record: kind (1 byte), length of the path (2), number (8), length of the data (4); path; data. Kinds: w write at number,
 * t truncate to number, b and e begin and end of sync number, r rename to data, u unlink, s said. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { FDS = 4096, PATH = 512 };
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static char names[FDS][PATH];
static const char *dir;
static int out = -1;
static uint64_t syncs;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t put(const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = REAL(write);
    return real(out, data, size);
}

static void record(char kind, const char *path, uint64_t number, const void *data, size_t size) {
    char head[15];
    uint16_t path_size = (uint16_t)strlen(path);
    uint32_t data_size = (uint32_t)size;
    head[0] = kind;
    memcpy(head + 1, &path_size, 2);
    memcpy(head + 3, &number, 8);
    memcpy(head + 11, &data_size, 4);
    if (put(head, sizeof head) < 0 || put(path, path_size) < 0 || put(data, size) < 0) abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("REC_LOG");
    dir = getenv("REC_DIR");
    if (log) out = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
}

/* The wal-index is rebuilt by whoever opens the file. */
static int watched(const char *path) {
    size_t size = strlen(path);
    return out >= 0 && dir && !strncmp(path, dir, strlen(dir)) && size < PATH && (size < 4 || strcmp(path + size - 4, "-shm"));
}

static const char *of(int fd) { return fd >= 0 && fd < FDS && names[fd][0] ? names[fd] : NULL; }

static int opened(int fd, const char *path, int flags) {
    if (fd < 0 || fd >= FDS) return fd;
    names[fd][0] = 0;
    if (watched(path)) {
        strcpy(names[fd], path);
        if (flags & O_TRUNC) record('t', path, 0, "", 0);
    }
    return fd;
}

#define OPEN(name)                                                                                                             \
    int name(const char *path, int flags, ...) {                                                                               \
        va_list rest;                                                                                                          \
        va_start(rest, flags);                                                                                                 \
        mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;                                                            \
        va_end(rest);                                                                                                          \
        pthread_mutex_lock(&order);                                                                                            \
        int fd = opened(REAL(name)(path, flags, mode), path, flags);                                                           \
        pthread_mutex_unlock(&order);                                                                                          \
        return fd;                                                                                                             \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    pthread_mutex_lock(&order);
    if (fd >= 0 && fd < FDS) names[fd][0] = 0;
    int result = REAL(close)(fd);
    pthread_mutex_unlock(&order);
    return result;
}

#define PWRITE(name, offset_type)                                                                                              \
    ssize_t name(int fd, const void *data, size_t size, offset_type at) {                                                      \
        pthread_mutex_lock(&order);                                                                                            \
        ssize_t done = REAL(name)(fd, data, size, at);                                                                         \
        if (done > 0 && of(fd)) record('w', of(fd), (uint64_t)at, data, (size_t)done);                                         \
        pthread_mutex_unlock(&order);                                                                                          \
        return done;                                                                                                           \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    pthread_mutex_lock(&order);
    off_t at = of(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = REAL(write)(fd, data, size);
    if (done > 0 && of(fd)) record('w', of(fd), (uint64_t)at, data, (size_t)done);
    if (done > 0 && fd == 1 && out >= 0) record('s', "", 0, data, (size_t)done);
    pthread_mutex_unlock(&order);
    return done;
}

#define TRUNCATE(name, offset_type)                                                                                            \
    int name(int fd, offset_type size) {                                                                                       \
        pthread_mutex_lock(&order);                                                                                            \
        int result = REAL(name)(fd, size);                                                                                     \
        if (!result && of(fd)) record('t', of(fd), (uint64_t)size, "", 0);                                                     \
        pthread_mutex_unlock(&order);                                                                                          \
        return result;                                                                                                         \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                                                                             \
    int name(int fd) {                                                                                                         \
        char path[PATH] = "";                                                                                                  \
        uint64_t number = 0;                                                                                                   \
        pthread_mutex_lock(&order);                                                                                            \
        if (of(fd)) {                                                                                                          \
            strcpy(path, of(fd));                                                                                              \
            number = ++syncs;                                                                                                  \
            record('b', path, number, "", 0);                                                                                  \
        }                                                                                                                      \
        pthread_mutex_unlock(&order);                                                                                          \
        int result = REAL(name)(fd);                                                                                           \
        pthread_mutex_lock(&order);                                                                                            \
        if (path[0] && !result) record('e', path, number, "", 0);                                                              \
        pthread_mutex_unlock(&order);                                                                                          \
        return result;                                                                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *to) {
    pthread_mutex_lock(&order);
    int result = REAL(rename)(from, to);
    if (!result && watched(from)) record('r', from, 0, to, strlen(to));
    pthread_mutex_unlock(&order);
    return result;
}

int unlink(const char *path) {
    pthread_mutex_lock(&order);
    int result = REAL(unlink)(path);
    if (!result && watched(path)) record('u', path, 0, "", 0);
    pthread_mutex_unlock(&order);
    return result;
}
