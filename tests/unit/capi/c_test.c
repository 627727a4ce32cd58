/* The C interface from C: handles, statuses, texts, jobs, cancelling. The target is made up: one
 * page of memory that a callback hands over. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capi/coreheap.h"

static int failures = 0;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: FAILED: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                             \
    }                                                                         \
  } while (0)

static const char kMaps[] = "7f0000000000-7f0000002000 rw-p 00000000 00:00 0 \n";

struct reading {
  pthread_t thread;
  int calls;
  int cancel;
};

/* The first page reads as its own addresses, the second one is a hole. */
static size_t read_memory(void* context, uint64_t address, void* out, size_t size) {
  struct reading* reading = context;
  ++reading->calls;
  CHECK(pthread_equal(pthread_self(), reading->thread));
  if (reading->cancel) return (size_t)-1;
  size_t done = 0;
  while (done < size && address + done < 0x7f0000001000) {
    ((unsigned char*)out)[done] = (unsigned char)(address + done);
    ++done;
  }
  return done;
}

static int open_page(coreheap_session* session, struct reading* reading) {
  const coreheap_thread thread = {1, 0, 0x7f0000000800, 0};
  reading->thread = pthread_self();
  return coreheap_open_regions(session, "made up", kMaps, NULL, 0, &thread, 1, read_memory, reading,
                               "");
}

static int finish(coreheap_job* job) {
  int status;
  while ((status = coreheap_poll(job, 1000)) == COREHEAP_RUNNING) {
  }
  return status;
}

static void texts_need_no_target(void) {
  coreheap_session* session = coreheap_session_new();
  CHECK(coreheap_abi_version() == COREHEAP_ABI_VERSION);
  CHECK(strncmp(coreheap_version(), "coreheap ", 9) == 0);
  CHECK(strcmp(coreheap_last_error(session), "") == 0);
  const char* commands = coreheap_commands(session);
  CHECK(strncmp(commands, "heap\t", 5) == 0);
  CHECK(strstr(commands, "\nhexdump\t= x\n") != NULL);
  CHECK(strstr(coreheap_help(session, "types"), "heap types") != NULL);
  CHECK(strcmp(coreheap_help(session, "no such"), "") == 0);
  CHECK(strcmp(coreheap_complete(session, "typ"), "types\n") == 0);
  coreheap_session_free(session);
}

static void a_command_without_a_target_says_so(void) {
  coreheap_session* session = coreheap_session_new();
  coreheap_job* job = coreheap_run(session, "types", 80, 0);
  size_t length = 99;
  CHECK(finish(job) == 1);
  CHECK(strcmp(coreheap_output(job, &length), "") == 0);
  CHECK(length == 0);
  CHECK(strstr(coreheap_job_error(job), "none is open") != NULL);
  coreheap_job_free(job);
  job = coreheap_run(session, "help", 80, 0);
  CHECK(finish(job) == 0);
  CHECK(strlen(coreheap_output(job, &length)) == length && length > 0);
  CHECK(strcmp(coreheap_job_error(job), "") == 0);
  coreheap_job_free(job);
  coreheap_session_free(session);
}

static void opening_is_lazy_and_checks_its_options(void) {
  coreheap_session* session = coreheap_session_new();
  CHECK(coreheap_open_core(session, "/no/such/core", "--no-symbols") == 0);
  coreheap_job* job = coreheap_run(session, "info", 0, 0);
  CHECK(finish(job) == 1);
  CHECK(strstr(coreheap_job_error(job), "/no/such/core") != NULL);
  coreheap_job_free(job);
  CHECK(coreheap_open_core(session, "/no/such/core", "--bogus") == 2);
  CHECK(strstr(coreheap_last_error(session), "--bogus") != NULL);
  CHECK(coreheap_open_core(session, NULL, NULL) == 2);
  CHECK(coreheap_open_pid(session, 1, "--max-pause never") == 2);
  CHECK(coreheap_open_pid(session, 1, NULL) == 0);
  coreheap_retire(session);
  coreheap_session_free(session);
}

static void regions_are_read_at_once_on_the_callers_thread(void) {
  coreheap_session* session = coreheap_session_new();
  struct reading reading = {0};
  CHECK(open_page(session, &reading) == 0);
  CHECK(strcmp(coreheap_last_error(session), "") == 0);
  const int calls = reading.calls;
  CHECK(calls > 0);
  coreheap_job* job = coreheap_run(session, "x 0x7f0000000ff8 16", 80, 0);
  CHECK(finish(job) == 0);
  CHECK(strstr(coreheap_output(job, NULL),
               "00007f0000000ff8  f8 f9 fa fb fc fd fe ff  ?? ?? ?? ?? ?? ?? ?? ??") != NULL);
  CHECK(coreheap_result_address(job) == 0x7f0000000ff8);
  CHECK(reading.calls == calls);
  coreheap_job_free(job);
  /* A foreign memory has neither Python nor malloc, and is told so without a crash. */
  const char* lines[] = {"",
                         "heap",
                         "info",
                         "types",
                         "used",
                         "sizes",
                         "show 0x7f0000000010",
                         "export",
                         "export --ranges",
                         "arenas",
                         "pymalloc",
                         "heap --format json"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    job = coreheap_run(session, lines[i], 80, 1);
    const int status = finish(job);
    CHECK(status == 0 || status == 1 || status == 3);
    coreheap_job_free(job);
  }
  coreheap_session_free(session);
}

static void reading_can_be_cancelled(void) {
  coreheap_session* session = coreheap_session_new();
  struct reading reading = {0};
  reading.cancel = 1;
  CHECK(open_page(session, &reading) == 130);
  CHECK(strcmp(coreheap_last_error(session), "") != 0);
  coreheap_session_free(session);
}

static void wrong_usage_is_status_2(void) {
  coreheap_session* session = coreheap_session_new();
  coreheap_job* job = coreheap_run(session, "tpyes", 80, 0);
  CHECK(finish(job) == 2);
  CHECK(strstr(coreheap_job_error(job), "types") != NULL);
  coreheap_job_free(job);
  job = coreheap_run(session, "types 'open", 80, 0);
  CHECK(finish(job) == 2);
  coreheap_job_free(job);
  job = coreheap_run(session, NULL, -5, 0);
  CHECK(finish(job) == 1);
  coreheap_job_free(job);
  coreheap_session_free(session);
}

static void handles_can_go_in_any_order(void) {
  coreheap_session* session = coreheap_session_new();
  struct reading reading = {0};
  CHECK(open_page(session, &reading) == 0);
  for (int i = 0; i < 50; ++i) {
    coreheap_job* job = coreheap_run(session, "heap", 80, 0);
    coreheap_cancel(job);
    coreheap_job* next = coreheap_run(session, "x 0x7f0000000000 16", 80, 0);
    coreheap_job_free(job);
    CHECK(finish(next) == 0);
    coreheap_job_free(next);
  }
  coreheap_job* last = coreheap_run(session, "heap", 80, 0);
  coreheap_session_free(session);
  CHECK(finish(last) != COREHEAP_RUNNING);
  coreheap_job_free(last);
}

static void null_handles_do_no_harm(void) {
  coreheap_session_free(NULL);
  coreheap_job_free(NULL);
  coreheap_cancel(NULL);
  coreheap_retire(NULL);
  CHECK(coreheap_run(NULL, "heap", 0, 0) == NULL);
  CHECK(coreheap_poll(NULL, 0) == 1);
  CHECK(coreheap_open_pid(NULL, 1, NULL) == 1);
  CHECK(strcmp(coreheap_output(NULL, NULL), "") == 0);
  CHECK(strcmp(coreheap_last_error(NULL), "") == 0);
  CHECK(coreheap_result_address(NULL) == 0);
}

static void the_hosts_signal_mask_stays(void) {
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  coreheap_session* session = coreheap_session_new();
  coreheap_job* job = coreheap_run(session, "help", 0, 0);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int i = 1; i < 32; ++i) CHECK(sigismember(&before, i) == sigismember(&after, i));
  CHECK(finish(job) == 0);
  coreheap_job_free(job);
  coreheap_session_free(session);
}

int main(void) {
  texts_need_no_target();
  a_command_without_a_target_says_so();
  opening_is_lazy_and_checks_its_options();
  regions_are_read_at_once_on_the_callers_thread();
  reading_can_be_cancelled();
  wrong_usage_is_status_2();
  handles_can_go_in_any_order();
  null_handles_do_no_harm();
  the_hosts_signal_mask_stays();
  if (failures == 0) puts("all passed");
  return failures != 0;
}
