/* A process with a heap of known content: makes a scenario, writes down what is true, and stops.
 *
 *   heap_target SCENARIO FILE [abort|wait] [SEED]
 *
 * The truth is malloc_info's XML, mallinfo2 (or mallinfo) and every pointer still held, with its
 * malloc_usable_size. All buffers are static and every thread is parked, so nothing allocates between the
 * record and the kill(). One binary runs under every libc at hand, so it uses symbol versions that all of
 * them have (2.2.5 on x86-64, its own _start) and looks up what is younger.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <gnu/libc-version.h>

#if defined(__x86_64__) && !defined(HEAP_TARGET_OWN_LIBC)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
__asm__(".symver dlerror,dlerror@GLIBC_2.2.5");
__asm__(".symver __libc_start_main,__libc_start_main@GLIBC_2.2.5");
/* crt1.o of 2.34 asks for __libc_start_main@GLIBC_2.34, which older libcs do not have. */
__asm__(
    ".globl _start\n_start:\n"
    "xor %ebp, %ebp\nmov %rdx, %r9\npop %rsi\nmov %rsp, %rdx\nand $-16, %rsp\npush %rax\npush %rsp\n"
    "xor %r8d, %r8d\nxor %ecx, %ecx\nlea main(%rip), %rdi\ncall __libc_start_main@PLT\nhlt\n");
#endif

enum { kSlots = 600000, kThreads = 64 };

static void *slots[kSlots];
static unsigned long slot_count;  /* taken from the front, atomically */
static char file_buffer[1 << 20];
static char line_buffer[1 << 16];
static unsigned long seed = 1;

/* xorshift: rand() takes a lock. */
static unsigned long next_random(unsigned long *state) {
  unsigned long x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

static void **new_slot(void) {
  unsigned long index = __atomic_fetch_add(&slot_count, 1, __ATOMIC_RELAXED);
  if (index >= kSlots) {
    static const char text[] = "heap_target: too many slots\n";
    if (write(2, text, sizeof text - 1) < 0) _exit(4);
    _exit(3);
  }
  return &slots[index];
}

static void keep(void *pointer) { *new_slot() = pointer; }

/* ---- threads ------------------------------------------------------------------------------- */

static volatile int parked;

static void park(void) {
  __atomic_fetch_add(&parked, 1, __ATOMIC_SEQ_CST);
  for (;;) pause();
}

static void wait_parked(int count) {
  struct timespec ms = {0, 1000000};
  while (__atomic_load_n(&parked, __ATOMIC_SEQ_CST) < count) nanosleep(&ms, NULL);
}

static void start(void *(*work)(void *), long argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, (void *)argument) != 0) _exit(5);
}

/* ---- work ---------------------------------------------------------------------------------- */

static size_t some_size(unsigned long *state) {
  unsigned long r = next_random(state);
  switch (r % 16) {
    case 0:
      return (r >> 8) % 60000;
    case 1:
    case 2:
    case 3:
      return (r >> 8) % 4000;
    default:
      return (r >> 8) % 600;
  }
}

/* Allocates, frees and reallocates at random; what is left stays in the slots. */
static void churn(unsigned long *state, unsigned long slots_wanted, unsigned long steps) {
  unsigned long i, base = __atomic_fetch_add(&slot_count, slots_wanted, __ATOMIC_RELAXED);
  if (base + slots_wanted > kSlots) _exit(3);
  for (i = 0; i < steps; ++i) {
    void **slot = &slots[base + next_random(state) % slots_wanted];
    unsigned long r = next_random(state) % 8;
    if (r < 3) {
      free(*slot);
      *slot = NULL;
    } else if (r == 3 && *slot != NULL) {
      void *moved = realloc(*slot, some_size(state) + 1);
      if (moved != NULL) *slot = moved;
    } else if (*slot == NULL) {
      *slot = r == 4 ? memalign(32u << (next_random(state) % 8), some_size(state))
                     : malloc(some_size(state));
      if (*slot != NULL) memset(*slot, (int)(i & 0xff), malloc_usable_size(*slot) & 0xfff);
    }
  }
}

static void *churning_thread(void *argument) {
  unsigned long state = seed * 7919 + (unsigned long)argument * 104729 + 1;
  churn(&state, 2500, 30000);
  park();
  return NULL;
}

static void *dying_thread(void *argument) {
  unsigned long state = seed * 31 + (unsigned long)argument * 977 + 1;
  churn(&state, 800, 8000);
  return NULL;
}

/* Several heaps in one arena: more than 64 MiB of blocks below the mmap threshold. */
static void *big_thread(void *argument) {
  unsigned long state = seed * 131 + (unsigned long)argument + 1;
  unsigned long i, base;
  for (base = slot_count, i = 0; i < 3600; ++i) {
    void **slot = new_slot();
    *slot = malloc(60000 + next_random(&state) % 8000);
    memset(*slot, 1, 64);
  }
  for (i = 0; i < 1200; ++i) {
    void **slot = &slots[base + next_random(&state) % 3600];
    free(*slot);
    *slot = NULL;
  }
  churn(&state, 2000, 20000);
  park();
  return NULL;
}

static void blocks(unsigned long *state, unsigned long count, size_t largest) {
  unsigned long i;
  for (i = 0; i < count; ++i) keep(malloc(1 + next_random(state) % largest));
}

static void free_some(unsigned long *state, unsigned long count) {
  unsigned long i;
  for (i = 0; i < count; ++i) {
    void **slot = &slots[next_random(state) % slot_count];
    free(*slot);
    *slot = NULL;
  }
}

/* ---- scenarios ----------------------------------------------------------------------------- */

static void plain(void) {
  unsigned long state = seed * 2654435761u + 1;
  churn(&state, 8000, 120000);
}

static void threads(void) {
  int i;
  for (i = 0; i < 12; ++i) start(churning_thread, i);
  wait_parked(12);
  plain();
}

static void many_threads(void) {
  int i;
  for (i = 0; i < 30; ++i) start(churning_thread, i);
  wait_parked(30);
  plain();
}

/* Blocks of one thread freed by another: tcaches hold chunks of foreign arenas. */
static void cross_free(void) {
  unsigned long state = seed + 99;
  threads();
  free_some(&state, 20000);
}

static void heaps(void) {
  start(big_thread, 1);
  wait_parked(1);
  start(big_thread, 2);
  wait_parked(2);
  plain();
}

static void foreign_sbrk(void) {
  unsigned long state = seed + 3;
  int i;
  for (i = 0; i < 6; ++i) {
    blocks(&state, 1500, 900);
    char *gap = sbrk((intptr_t)(100 + next_random(&state) % 200000));
    if (gap != (char *)-1) memset(gap, 0x21, 64);
    blocks(&state, 500, 40000);
    free_some(&state, 300);
  }
}

/* A mapping right behind brk: the main arena goes on in mmapped regions. */
static void brk_blocked(void) {
  unsigned long state = seed + 4;
  int i;
  blocks(&state, 2000, 900);
  uintptr_t end = ((uintptr_t)sbrk(0) + 4095) & ~(uintptr_t)4095;
  mmap((void *)end, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (i = 0; i < 8; ++i) {
    blocks(&state, 1200, 1500);
    keep(malloc(300000 + next_random(&state) % 300000));
    free_some(&state, 400);
  }
}

static void brk_blocked_first(void) {
  /* Before the first chunk: even the first region is mmapped. The libc's own start may have used malloc
   * already, then this is like brk_blocked. */
  uintptr_t end = ((uintptr_t)sbrk(0) + 4095) & ~(uintptr_t)4095;
  mmap((void *)end, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  plain();
}

static void trim(void) {
  unsigned long state = seed + 5;
  unsigned long i;
  blocks(&state, 20000, 3000);
  for (i = 0; i < slot_count; ++i) {
    if (next_random(&state) % 8 != 0) {
      free(slots[i]);
      slots[i] = NULL;
    }
  }
  malloc_trim(0);
}

static void mmapped(void) {
  unsigned long state = seed + 6;
  int i;
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  for (i = 0; i < 1300; ++i) {
    void **slot = new_slot();
    size_t size = 140000 + next_random(&state) % 400000;
    unsigned long kind = next_random(&state) % 8;
    if (kind < 3) {
      *slot = malloc(size);
    } else if (kind < 6) {
      *slot = memalign(32u << (next_random(&state) % 17), size);
    } else {
      *slot = malloc(size);
      *slot = realloc(*slot, size / 2 + next_random(&state) % size + 140000);
    }
    memset(*slot, 2, 4096);
    if (kind == 7) {
      /* Somebody else's memory, which the kernel merges with its neighbours. */
      size_t length = 4096 * (1 + next_random(&state) % 20);
      char *foreign = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (foreign != MAP_FAILED) memset(foreign, 3, length);
    }
    if (next_random(&state) % 4 == 0) {
      void **other = &slots[next_random(&state) % slot_count];
      if (*other != NULL) *other = realloc(*other, 140000 + next_random(&state) % 900000);
    }
    if (next_random(&state) % 6 == 0) free_some(&state, 1);
  }
}

static void mmapped_threads(void) {
  threads();
  mmapped();
}

static void dead_threads(void) {
  pthread_t ids[20];
  int i;
  for (i = 0; i < 20; ++i) {
    if (pthread_create(&ids[i], NULL, dying_thread, (void *)(long)i) != 0) _exit(5);
    if (i % 3 == 2) pthread_join(ids[i], NULL);
  }
  for (i = 0; i < 20; ++i) {
    if (i % 3 != 2) pthread_join(ids[i], NULL);
  }
  for (i = 0; i < 3; ++i) start(churning_thread, i);
  wait_parked(3);
}

/* Only the forking thread lives on in the child; the others' caches stay behind. */
static void fork_child(void) {
  threads();
  pid_t child = fork();
  if (child != 0) {
    int status = 0;
    waitpid(child, &status, 0);
    _exit(WIFSIGNALED(status) ? 0 : 6);
  }
}

static void *storm_thread(void *argument) {
  unsigned long state = seed * 17 + (unsigned long)argument * 7 + 1;
  churn(&state, 2500, ~0ul);
  return NULL;
}

/* Stops at a random moment, in the middle of malloc as likely as not: no record can be made. */
static void storm(void) {
  int i;
  for (i = 0; i < 8; ++i) start(storm_thread, i);
  struct timespec some = {0, 200000000 + (long)(seed * 7919 % 100000) * 1000};
  nanosleep(&some, NULL);
  kill(getpid(), SIGABRT);
  for (;;) pause();
}

static void nothing(void) {}

static const struct {
  const char *name;
  void (*make)(void);
} scenarios[] = {{"nothing", nothing},
                 {"plain", plain},
                 {"threads", threads},
                 {"many_threads", many_threads},
                 {"cross_free", cross_free},
                 {"heaps", heaps},
                 {"foreign_sbrk", foreign_sbrk},
                 {"brk_blocked", brk_blocked},
                 {"brk_blocked_first", brk_blocked_first},
                 {"trim", trim},
                 {"mmapped", mmapped},
                 {"mmapped_threads", mmapped_threads},
                 {"dead_threads", dead_threads},
                 {"fork_child", fork_child},
                 {"storm", storm}};

/* ---- the record ---------------------------------------------------------------------------- */

static int record_fd;

static void put(const char *text, int length) {
  while (length > 0) {
    ssize_t n = write(record_fd, text, (size_t)length);
    if (n <= 0) _exit(7);
    text += n;
    length -= (int)n;
  }
}

struct big_mallinfo {
  size_t fields[10];
};
struct small_mallinfo {
  int fields[10];
};

static void record(FILE *file, struct big_mallinfo (*info2)(void), struct small_mallinfo (*info)(void)) {
  unsigned long i;
  int at, k;
  put(line_buffer, snprintf(line_buffer, sizeof line_buffer, "glibc %s\nfile %p\n",
                            gnu_get_libc_version(), (void *)file));
  if (info2 != NULL) {
    struct big_mallinfo m = info2();
    at = snprintf(line_buffer, sizeof line_buffer, "mallinfo2");
    for (k = 0; k < 10; ++k) {
      at += snprintf(line_buffer + at, sizeof line_buffer - (size_t)at, " %zu", m.fields[k]);
    }
  } else {
    struct small_mallinfo m = info();
    at = snprintf(line_buffer, sizeof line_buffer, "mallinfo");
    for (k = 0; k < 10; ++k) {
      at += snprintf(line_buffer + at, sizeof line_buffer - (size_t)at, " %d", m.fields[k]);
    }
  }
  line_buffer[at++] = '\n';
  for (i = 0; i < slot_count; ++i) {
    if (slots[i] == NULL) continue;
    at += snprintf(line_buffer + at, sizeof line_buffer - (size_t)at, "live %p %zu\n", slots[i],
                   malloc_usable_size(slots[i]));
    if (at > (int)sizeof line_buffer - 100) {
      put(line_buffer, at);
      at = 0;
    }
  }
  put(line_buffer, at);
  malloc_info(0, file);
  fflush(file);
}

int main(int argc, char **argv) {
  size_t i;
  if (argc < 3) return 2;
  const int wait_for_reader = argc > 3 && strcmp(argv[3], "wait") == 0;
  if (argc > 4) seed = strtoul(argv[4], NULL, 10);
#ifdef HEAP_TARGET_OWN_LIBC
  struct big_mallinfo (*info2)(void) = (struct big_mallinfo(*)(void))(void (*)(void))mallinfo2;
  struct small_mallinfo (*info)(void) = NULL;
#else
  struct big_mallinfo (*info2)(void) = (struct big_mallinfo(*)(void))dlsym(RTLD_DEFAULT, "mallinfo2");
  struct small_mallinfo (*info)(void) = (struct small_mallinfo(*)(void))dlsym(RTLD_DEFAULT, "mallinfo");
  /* The message about a missing mallinfo2 is a chunk of libdl's; the second call frees it. */
  dlerror();
  dlerror();
#endif
  record_fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  FILE *file = fdopen(record_fd, "w");
  if (file == NULL) return 2;
  setvbuf(file, file_buffer, _IOFBF, sizeof file_buffer);
  for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; ++i) {
    if (strcmp(argv[1], scenarios[i].name) != 0) continue;
    scenarios[i].make();
    record(file, info2, info);
    if (wait_for_reader) {
      static const char text[] = "ready\n";
      if (write(1, text, sizeof text - 1) < 0) return 8;
      for (;;) pause();
    }
    kill(getpid(), SIGABRT);
    for (;;) pause();
  }
  return 2;
}
