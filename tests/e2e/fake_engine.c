/* An engine that knows nothing about heaps: it implements capi/coreheap.h so that the GDB plugin alone can be
 * tested, its timing above all. It is C, so it also proves that the header is.
 *
 * Its commands say what they were given (`echo`, `target`), take as long as told (`sleep`, `stubborn`), print as
 * much as told (`lines`), and end with each status there is. Like the real engine it runs a job on a thread
 * with all signals blocked.
 */
#define _GNU_SOURCE
#include "capi/coreheap.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { kTextSize = 4096 };

struct coreheap_session {
  char error[kTextSize];
  char target[kTextSize];
  char reply[1 << 16];
  unsigned opens, retires;
  coreheap_job* running;
};

struct coreheap_job {
  coreheap_session* session;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int joined, done, cancelled, status;
  int width, style;
  char line[kTextSize];
  char target[kTextSize];
  unsigned opens, retires;
  char progress[256], progress_copy[256];
  char error[kTextSize];
  char* output;
  size_t length, capacity;
  uint64_t address;
};

static const char kCommands[] =
    "types\tTypes by the memory they take.\n"
    "show\tOne object: what it is and who owns it.\n"
    "why\tWho keeps an object alive.\n"
    "x\tBytes with what each one is.\n"
    "echo\tPrints its words.\n"
    "sleep\tTakes its time.\n"
    "stubborn\tTakes its time and a while to notice a cancel.\n"
    "lines\tPrints many lines.\n"
    "snow\tPrints a character outside ASCII.\n"
    "fail\tEnds with a status.\n"
    "target\tSays what is open.\n"
    "help\tThe words to start with.\n"
    "hexdump\t= x\n"
    "census\t= types\n";

static const char kTypesHelp[] =
    "usage: heap types [--limit N] [--sort COLUMN] [--format FORMAT]\n\n"
    "One row a type.\n\n"
    "  --limit N        rows (20)\n"
    "  --sort COLUMN    objects, shallow, own, buffers or total\n"
    "  --format FORMAT  text, json, jsonl or csv\n";

static void print(coreheap_job* job, const char* format, ...) {
  char text[kTextSize];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (n < 0) return;
  size_t size = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  if (job->length + size + 1 > job->capacity) {
    size_t capacity = (job->length + size + 1) * 2;
    char* grown = realloc(job->output, capacity);
    if (grown == NULL) return;
    job->output = grown;
    job->capacity = capacity;
  }
  memcpy(job->output + job->length, text, size + 1);
  job->length += size;
}

static int cancelled(coreheap_job* job) {
  pthread_mutex_lock(&job->lock);
  int yes = job->cancelled;
  pthread_mutex_unlock(&job->lock);
  return yes;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sleeps; a job that is not stubborn notices a cancel within 2 ms. */
static int take_time(coreheap_job* job, double seconds, double notice_every) {
  double start = now();
  for (double t = start; t - start < seconds; t = now()) {
    pthread_mutex_lock(&job->lock);
    snprintf(job->progress, sizeof job->progress, "taking time %.0f %%", (t - start) / seconds * 100);
    pthread_mutex_unlock(&job->lock);
    usleep((useconds_t)(notice_every * 1e6));
    if (cancelled(job)) return COREHEAP_RUNNING;
  }
  return 0;
}

static int answer(coreheap_job* job) {
  char word[64] = "";
  int skip = 0;
  sscanf(job->line, "%63s %n", word, &skip);
  const char* rest = skip > 0 ? job->line + skip : "";
  if (word[0] == '\0') {
    print(job, "first screen\n%s\n", job->target);
  } else if (strcmp(word, "echo") == 0) {
    print(job, "%s\nwidth=%d style=%d\n", rest, job->width, job->style);
  } else if (strcmp(word, "types") == 0 || strcmp(word, "census") == 0) {
    print(job, "type  objects\ndict        3\n(%s)\n", rest);
  } else if (strcmp(word, "show") == 0 || strcmp(word, "why") == 0 || strcmp(word, "x") == 0) {
    job->address = strtoull(rest, NULL, 0);
    print(job, "%s(%s)\n", word, rest);
  } else if (strcmp(word, "sleep") == 0) {
    if (take_time(job, atof(rest), 0.002) == COREHEAP_RUNNING) return 130;
    print(job, "slept %s\n", rest);
  } else if (strcmp(word, "stubborn") == 0) {
    if (take_time(job, atof(rest), 0.1) == COREHEAP_RUNNING) return 130;
    print(job, "slept %s\n", rest);
  } else if (strcmp(word, "lines") == 0) {
    for (int i = 1; i <= atoi(rest); i++) print(job, "line %d\n", i);
  } else if (strcmp(word, "snow") == 0) {
    print(job, "snow \xe2\x98\x83\n");
  } else if (strcmp(word, "fail") == 0) {
    print(job, atoi(rest) > 2 ? "the part that there is\n" : "");
    snprintf(job->error, sizeof job->error, "failed with %s\ntry something else", rest);
    return atoi(rest);
  } else if (strcmp(word, "target") == 0) {
    print(job, "%s\nopens=%u retires=%u\n", job->target, job->opens, job->retires);
  } else if (strcmp(word, "help") == 0) {
    print(job, "heap types    types by memory\n");
  } else {
    snprintf(job->error, sizeof job->error, "no command \"%s\": did you mean \"types\"?\nheap help names them all", word);
    return 2;
  }
  return 0;
}

static void* work(void* argument) {
  coreheap_job* job = argument;
  int status = answer(job);
  pthread_mutex_lock(&job->lock);
  job->status = status;
  job->done = 1;
  pthread_cond_broadcast(&job->changed);
  pthread_mutex_unlock(&job->lock);
  return NULL;
}

int coreheap_abi_version(void) {
  const char* told = getenv("FAKE_ENGINE_ABI");
  return told != NULL ? atoi(told) : COREHEAP_ABI_VERSION;
}

const char* coreheap_version(void) { return "0 (fake)"; }

coreheap_session* coreheap_session_new(void) { return calloc(1, sizeof(coreheap_session)); }

void coreheap_session_free(coreheap_session* session) {
  coreheap_job* job = session->running;
  if (job != NULL) coreheap_job_free(job);
  const char* trace = getenv("FAKE_ENGINE_TRACE");
  if (trace != NULL) {
    FILE* file = fopen(trace, "a");
    if (file != NULL) {
      fprintf(file, "session freed, job %s\n", job != NULL ? "joined" : "none");
      fclose(file);
    }
  }
  free(session);
}

const char* coreheap_last_error(coreheap_session* session) { return session->error; }

static int opened(coreheap_session* session) {
  session->opens++;
  session->error[0] = '\0';
  return 0;
}

int coreheap_open_core(coreheap_session* session, const char* path, const char* options) {
  if (strstr(path, "refused") != NULL) {
    snprintf(session->error, sizeof session->error, "%s: not a core\ntry another", path);
    return 1;
  }
  snprintf(session->target, sizeof session->target, "core %.2000s options=[%.500s]", path, options ? options : "");
  return opened(session);
}

int coreheap_open_pid(coreheap_session* session, uint64_t pid, const char* options) {
  (void)options;
  snprintf(session->target, sizeof session->target, "pid %llu", (unsigned long long)pid);
  return opened(session);
}

/* Reads the stack's word through process_vm_readv, as the real engine reads everything. */
int coreheap_open_held(coreheap_session* session, uint64_t pid, const coreheap_thread* threads, size_t thread_count,
                       const char* options) {
  uint64_t word = 0;
  int n = snprintf(session->target, sizeof session->target, "held %llu options=[%.500s]", (unsigned long long)pid,
                   options ? options : "");
  for (size_t i = 0; i < thread_count && n > 0 && (size_t)n < sizeof session->target - 200; i++) {
    struct iovec here = {&word, sizeof word};
    struct iovec there = {(void*)(uintptr_t)threads[i].stack_pointer, sizeof word};
    int readable = process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0) == (ssize_t)sizeof word;
    n += snprintf(session->target + n, sizeof session->target - (size_t)n,
                  "\nthread %llu fs=%#llx sp=%#llx pc=%#llx readable=%d", (unsigned long long)threads[i].tid,
                  (unsigned long long)threads[i].thread_pointer, (unsigned long long)threads[i].stack_pointer,
                  (unsigned long long)threads[i].program_counter, readable);
  }
  return opened(session);
}

/* Reads every private writable mapping; FAKE_ENGINE_READ_ALL reads it so many times over. */
int coreheap_open_regions(coreheap_session* session, const char* name, const char* maps, const void* auxv,
                          size_t auxv_size, const coreheap_thread* threads, size_t thread_count, coreheap_read read,
                          void* context, const char* options) {
  (void)auxv;
  (void)threads;
  size_t total = 0, short_reads = 0, mappings = 0;
  uint64_t sum = 0;
  const char* told = getenv("FAKE_ENGINE_READ_ALL");
  for (int round = 0; round < (told != NULL ? atoi(told) : 1); round++) {
    for (const char* line = maps; *line != '\0';) {
      unsigned long long start, end;
      char permissions[5];
      if (sscanf(line, "%llx-%llx %4s", &start, &end, permissions) == 3) {
        mappings++;
        if (permissions[1] == 'w' && permissions[3] == 'p') {
          unsigned char* bytes = malloc(end - start);
          size_t got = bytes != NULL ? read(context, start, bytes, end - start) : 0;
          if (got == (size_t)-1) {
            free(bytes);
            snprintf(session->error, sizeof session->error, "cancelled");
            return 130;
          }
          short_reads += got < end - start;
          total += got;
          for (size_t i = 0; i < got; i++) sum += bytes[i];
          free(bytes);
        }
      }
      line += strcspn(line, "\n");
      line += *line == '\n';
    }
  }
  snprintf(session->target, sizeof session->target,
           "regions %s options=[%s] mappings=%zu read=%zu short=%zu sum=%llu auxv=%zu threads=%zu", name,
           options ? options : "", mappings, total, short_reads, (unsigned long long)sum, auxv_size, thread_count);
  return opened(session);
}

void coreheap_retire(coreheap_session* session) {
  session->retires++;
  session->target[0] = '\0';
}

coreheap_job* coreheap_run(coreheap_session* session, const char* command_line, int width, int style) {
  coreheap_job* job = calloc(1, sizeof *job);
  if (job == NULL) return NULL;
  job->session = session;
  job->width = width;
  job->style = style;
  job->opens = session->opens;
  job->retires = session->retires;
  snprintf(job->line, sizeof job->line, "%s", command_line);
  snprintf(job->target, sizeof job->target, "%s", session->target[0] ? session->target : "nothing open");
  pthread_mutex_init(&job->lock, NULL);
  pthread_cond_init(&job->changed, NULL);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&job->thread, NULL, work, job);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed) {
    free(job);
    return NULL;
  }
  session->running = job;
  return job;
}

int coreheap_poll(coreheap_job* job, int timeout_ms) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  long nanoseconds = until.tv_nsec + (long)timeout_ms % 1000 * 1000000L;
  until.tv_sec += timeout_ms / 1000 + nanoseconds / 1000000000L;
  until.tv_nsec = nanoseconds % 1000000000L;
  pthread_mutex_lock(&job->lock);
  while (!job->done && pthread_cond_timedwait(&job->changed, &job->lock, &until) == 0) {
  }
  int status = job->done ? job->status : COREHEAP_RUNNING;
  pthread_mutex_unlock(&job->lock);
  return status;
}

const char* coreheap_progress(coreheap_job* job) {
  pthread_mutex_lock(&job->lock);
  memcpy(job->progress_copy, job->progress, sizeof job->progress);
  pthread_mutex_unlock(&job->lock);
  return job->progress_copy;
}

void coreheap_cancel(coreheap_job* job) {
  pthread_mutex_lock(&job->lock);
  job->cancelled = 1;
  pthread_mutex_unlock(&job->lock);
}

const char* coreheap_output(coreheap_job* job, size_t* length) {
  *length = job->length;
  return job->output != NULL ? job->output : "";
}

const char* coreheap_job_error(coreheap_job* job) { return job->error; }

uint64_t coreheap_result_address(coreheap_job* job) { return job->address; }

void coreheap_job_free(coreheap_job* job) {
  coreheap_cancel(job);
  pthread_join(job->thread, NULL);
  if (job->session->running == job) job->session->running = NULL;
  pthread_mutex_destroy(&job->lock);
  pthread_cond_destroy(&job->changed);
  free(job->output);
  free(job);
}

/* Candidates for the last word: commands first, then options. */
const char* coreheap_complete(coreheap_session* session, const char* command_line) {
  static const char* const kOptions[] = {"--limit", "--list-all", "--sort", "--format", NULL};
  const char* last = strrchr(command_line, ' ');
  session->reply[0] = '\0';
  if (last == NULL || last[1] != '-') return session->reply;
  for (int i = 0; kOptions[i] != NULL; i++) {
    if (strncmp(kOptions[i], last + 1, strlen(last + 1)) == 0) {
      strcat(session->reply, kOptions[i]);
      strcat(session->reply, "\n");
    }
  }
  return session->reply;
}

const char* coreheap_commands(coreheap_session* session) {
  (void)session;
  return kCommands;
}

const char* coreheap_help(coreheap_session* session, const char* command) {
  if (strcmp(command, "types") == 0 || strcmp(command, "census") == 0) return kTypesHelp;
  if (strcmp(command, "show") == 0) return "usage: heap show ADDR\n\nAny address, interior ones too.\n";
  if (strcmp(command, "x") == 0) return "usage: heap x ADDR [COUNT] [--width N]\n\n  --width N  bytes a line\n";
  if (strcmp(command, "why") == 0) return "usage: heap why ADDR|#ROW|TYPE [--limit N]\n\n  --limit N  paths\n";
  char format[] = "usage: heap %s [WORDS...]\n";
  snprintf(session->reply, sizeof session->reply, format, command);
  return session->reply;
}
