/* The C interface of the small library that holds RE2: all that crosses between it and the engine.
 */
#ifndef COREHEAP_REGEX_MODULE_H
#define COREHEAP_REGEX_MODULE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COREHEAP_REGEX_API __attribute__((visibility("default")))

typedef struct coreheap_regex coreheap_regex;

/* NULL when the pattern is wrong or there is no memory: `message` and `part` (the wrong part of the
 * pattern, or "") then hold texts, cut to their sizes. */
COREHEAP_REGEX_API coreheap_regex* coreheap_regex_compile(const char* pattern, size_t length,
                                                          char* message, size_t message_size,
                                                          char* part, size_t part_size);
/* 1: some part of the text matches. Safe from several threads. */
COREHEAP_REGEX_API int coreheap_regex_matches(const coreheap_regex*, const char* text,
                                              size_t length);
COREHEAP_REGEX_API void coreheap_regex_free(coreheap_regex*);

#ifdef __cplusplus
}
#endif
#endif
