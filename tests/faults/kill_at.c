// Kills the process at one of the system calls with which it changes a folder: preload it into a program.
//
//   KILL_AT_FOLDER  calls on paths below this folder count
//   KILL_AT         the number of the call, from 1; 0 counts without killing
//   KILL_AT_COUNT   the file that takes the number of calls when the process ends by itself
//   KILL_AT_FULL    set: from that call on the disk is full instead, and the process lives
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int calls;

static int is_below(const char* path) {
  const char* folder = getenv("KILL_AT_FOLDER");
  return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_open_below(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_below(path);
}

/* The calls are numbered together, whatever thread they come from. */
static int number_of_call(void) { return atomic_fetch_add(&calls, 1) + 1; }

static int wanted(void) {
  const char* at = getenv("KILL_AT");
  return at ? atoi(at) : 0;
}

static int is_full_from(int call) {
  return getenv("KILL_AT_FULL") && wanted() > 0 && call >= wanted();
}

static void end_here(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void end_if(int call) {
  if (call == wanted() && !getenv("KILL_AT_FULL")) end_here();
}

static void count_path(const char* path) {
  if (is_below(path)) end_if(number_of_call());
}

static void count_descriptor(int descriptor) {
  if (is_open_below(descriptor)) end_if(number_of_call());
}

#define NEXT(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

/* Half of the bytes get there before the end; of a full disk the caller learns. */
static ssize_t write_half(int descriptor, const void* bytes, size_t count, int* is_ended) {
  *is_ended = 0;
  if (!is_open_below(descriptor)) return 0;
  const int call = number_of_call();
  if (is_full_from(call)) {
    *is_ended = 1;
    errno = ENOSPC;
    return -1;
  }
  if (call == wanted()) {
    NEXT(ssize_t, write, int, const void*, size_t)(descriptor, bytes, count / 2);
    end_here();
  }
  return 0;
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  int is_ended;
  const ssize_t failed = write_half(descriptor, bytes, count, &is_ended);
  if (is_ended) return failed;
  return NEXT(ssize_t, write, int, const void*, size_t)(descriptor, bytes, count);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
  int is_ended;
  const ssize_t failed = write_half(descriptor, bytes, count, &is_ended);
  if (is_ended) return failed;
  return NEXT(ssize_t, pwrite64, int, const void*, size_t, off64_t)(descriptor, bytes, count,
                                                                    offset);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  if (flags & (O_CREAT | O_WRONLY | O_RDWR)) count_path(path);
  return NEXT(int, open64, const char*, int, ...)(path, flags, mode);
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  if (flags & (O_CREAT | O_WRONLY | O_RDWR)) count_path(path);
  return NEXT(int, open, const char*, int, ...)(path, flags, mode);
}

int fsync(int descriptor) {
  count_descriptor(descriptor);
  return NEXT(int, fsync, int)(descriptor);
}

int fdatasync(int descriptor) {
  count_descriptor(descriptor);
  return NEXT(int, fdatasync, int)(descriptor);
}

int rename(const char* from, const char* to) {
  count_path(to);
  return NEXT(int, rename, const char*, const char*)(from, to);
}

int mkdir(const char* path, mode_t mode) {
  count_path(path);
  return NEXT(int, mkdir, const char*, mode_t)(path, mode);
}

int unlink(const char* path) {
  count_path(path);
  return NEXT(int, unlink, const char*)(path);
}

int rmdir(const char* path) {
  count_path(path);
  return NEXT(int, rmdir, const char*)(path);
}

__attribute__((destructor)) static void tell(void) {
  const char* path = getenv("KILL_AT_COUNT");
  FILE* file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%d\n", atomic_load(&calls));
  fclose(file);
}
