/* run.h - `conprof run [options] -- app args`: the friendly way in. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* args: what stands behind "run". The app's exit status, or its signal kills us, too. */
int cp_run_main(char **args);
