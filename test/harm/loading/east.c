// harm: build -shared -fPIC
// SPDX-License-Identifier: MIT
// One of two libraries that come to lie at the same place, one after the other; see layers.c.
#include "test/harm/loading/layers.h"

LAYER(east)
