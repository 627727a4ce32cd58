/* The C interface of coreheap: opaque handles, int status, text out. One engine behind it serves
 * GDB, the command line's tests and any other host.
 *
 * Rules. No C++ exception and no Python type crosses this border. Every function may be called from
 * one thread at a time per session; a job runs on a thread of its own with all signals blocked and
 * never calls back into the host. Strings are UTF-8 and belong to the handle they came from until
 * its next call or its release. Status is an exit status as on the command line (0 done, 1 no
 * report, 2 wrong usage, 3 partial coverage, 4 verify found something, 130 cancelled) or
 * COREHEAP_RUNNING.
 */
#ifndef COREHEAP_H
#define COREHEAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COREHEAP_API __attribute__((visibility("default")))
#define COREHEAP_ABI_VERSION 1
#define COREHEAP_RUNNING (-1)

typedef struct coreheap_session coreheap_session; /* settings, and the target that is open */
typedef struct coreheap_job coreheap_job;         /* one command line being answered */

COREHEAP_API int coreheap_abi_version(void);
COREHEAP_API const char* coreheap_version(void);

COREHEAP_API coreheap_session* coreheap_session_new(void);
COREHEAP_API void coreheap_session_free(coreheap_session*); /* cancels and joins what still runs */
/* Text of the last failure of a call on this session ("" when it succeeded). */
COREHEAP_API const char* coreheap_last_error(coreheap_session*);

/* Options are a command line's: "--sysroot DIR --no-symbols"; may be NULL. Opening is lazy: reading
 * happens in the first job, so these return at once. A session holds one target; opening retires
 * the last. */
COREHEAP_API int coreheap_open_core(coreheap_session*, const char* path, const char* options);
COREHEAP_API int coreheap_open_pid(coreheap_session*, uint64_t pid, const char* options);

typedef struct coreheap_thread {
  uint64_t tid;
  uint64_t thread_pointer; /* fs_base */
  uint64_t stack_pointer;
  uint64_t program_counter;
} coreheap_thread;

/* A live process that the host holds stopped: read by process_vm_readv, no ptrace. */
COREHEAP_API int coreheap_open_held(coreheap_session*, uint64_t pid, const coreheap_thread* threads,
                                    size_t thread_count, const char* options);

/* Memory only the host can read. `maps` has the form of /proc/PID/maps. `read` returns the number
 * of bytes it could read; it is called on the caller's thread, within this call, and never later.
 * It returns 0 to stop at a hole, and (size_t)-1 to cancel. */
typedef size_t (*coreheap_read)(void* context, uint64_t address, void* out, size_t size);
COREHEAP_API int coreheap_open_regions(coreheap_session*, const char* name, const char* maps,
                                       const void* auxv, size_t auxv_size,
                                       const coreheap_thread* threads, size_t thread_count,
                                       coreheap_read read, void* context, const char* options);

/* Forgets the target and what was worked out about it. */
COREHEAP_API void coreheap_retire(coreheap_session*);

/* Starts a command: the words after `heap` as typed ("types --limit 5"). `width` is the terminal's,
 * 0 for none; `style` nonzero allows SGR colour. Never blocks. NULL only when no memory is left. */
COREHEAP_API coreheap_job* coreheap_run(coreheap_session*, const char* command_line, int width,
                                        int style);

/* COREHEAP_RUNNING or the final status. `timeout_ms` 0 returns at once. */
COREHEAP_API int coreheap_poll(coreheap_job*, int timeout_ms);
/* "walking chunks 41 %", or "" when there is nothing to say. */
COREHEAP_API const char* coreheap_progress(coreheap_job*);
COREHEAP_API void coreheap_cancel(coreheap_job*);
/* After the end: the report (text, JSON, CSV as asked) and the error text, "" when there was none.
 * The length excludes the final NUL. */
COREHEAP_API const char* coreheap_output(coreheap_job*, size_t* length);
COREHEAP_API const char* coreheap_job_error(coreheap_job*);
/* Address the command's result is about (GDB's $_), 0 for none. */
COREHEAP_API uint64_t coreheap_result_address(coreheap_job*);
COREHEAP_API void coreheap_job_free(coreheap_job*); /* cancels and joins */

/* Starts a query ("type == \"str\" and len > 100 | show addr, len"): a job like any other, whose
 * answer is rows instead of text. */
COREHEAP_API coreheap_job* coreheap_query(coreheap_session*, const char* query);

typedef struct coreheap_cursor coreheap_cursor; /* a place in the rows of a query */

enum coreheap_type {
  COREHEAP_NONE = 0, /* of a cell: there is no value */
  COREHEAP_TEXT = 1,
  COREHEAP_INTEGER = 2,
  COREHEAP_BYTES = 3,
  COREHEAP_NUMBER = 4,
  COREHEAP_ADDRESS = 5,
  COREHEAP_BOOLEAN = 6
};

typedef struct coreheap_value {
  int type;         /* coreheap_type; a column of texts may hold cells of any type */
  int64_t integer;  /* integer, bytes; 0 or 1 of boolean */
  uint64_t address; /* address */
  double number;    /* number */
  const char* text; /* text, valid until the next call of coreheap_cursor_next; else "" */
  size_t length;    /* of the text, without the final NUL */
} coreheap_value;

/* The rows of a job of coreheap_query that has ended with status 0 or 3; NULL for any other. */
COREHEAP_API coreheap_cursor* coreheap_rows(coreheap_job*);
COREHEAP_API uint64_t coreheap_cursor_size(coreheap_cursor*);
COREHEAP_API int coreheap_cursor_columns(coreheap_cursor*);
COREHEAP_API const char* coreheap_cursor_name(coreheap_cursor*, int column);
COREHEAP_API int coreheap_cursor_type(coreheap_cursor*, int column);
/* 1: there is a row, and its cells may be read; 0: no more rows; -1: the session has another target
 * by now, or none, and the rows went with it. */
COREHEAP_API int coreheap_cursor_next(coreheap_cursor*);
COREHEAP_API int coreheap_cursor_cell(coreheap_cursor*, int column, coreheap_value*);
COREHEAP_API void coreheap_cursor_free(coreheap_cursor*);

/* Completion of a partly typed command line: candidates for the last word, one a line. */
COREHEAP_API const char* coreheap_complete(coreheap_session*, const char* command_line);
/* Names of all commands, one a line "name<TAB>summary"; aliases follow as "alias<TAB>= name". */
COREHEAP_API const char* coreheap_commands(coreheap_session*);
/* Full help text of a command, "" when there is no such command. */
COREHEAP_API const char* coreheap_help(coreheap_session*, const char* command);

#ifdef __cplusplus
}
#endif
#endif
