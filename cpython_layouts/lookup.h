// Finding a table; declared in layout.h, this header stays for those who include it by name.
#pragma once

#include "cpython_layouts/layout.h"
