// The main of every unit test program. Compiled once: with Catch2 2.13 this file carries the whole
// framework.

#define CATCH_CONFIG_RUNNER
#include "tests/unit/catch.h"

int main(int argc, char* argv[]) { return Catch::Session().run(argc, argv); }
