/* config.h - every setting as both programs know it: its field, its range, its default. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* What to record; the bits of CONPROF_PROFILE_TYPES and of struct cp_recording.kinds. */
enum cp_types { CP_TYPE_CPU = 1, CP_TYPE_HEAP = 2, CP_TYPE_THREAD = 4, CP_TYPE_ALL = 7 };

/* What a sample says of where it was, besides its stack; the bits of CONPROF_SAMPLE_LABELS. */
enum cp_labels { CP_LABEL_PID = 1, CP_LABEL_TID = 2, CP_LABEL_THREAD = 4, CP_LABEL_ALL = 7 };

enum cp_cpu_timer { CP_TIMER_AUTO, CP_TIMER_THREAD, CP_TIMER_ITIMER };
/* How C++ and Rust names are written: CONPROF_DEMANGLE. */
enum cp_demangling { CP_DEMANGLE_SHORT, CP_DEMANGLE_FULL, CP_DEMANGLE_NONE };
enum cp_unwinder { CP_UNWINDER_AUTO, CP_UNWINDER_LIBUNWIND, CP_UNWINDER_FP, CP_UNWINDER_OWN };

/* So many addresses CONPROF_AGENT_SOCKET may name. */
#define CP_DESTINATIONS	   8u
#define CP_DESTINATION_LEN 511u /* of one */

/* What nobody may see: it is in no struct cp_config, which says only that it is there. Above these
 * bits of cp_config.secrets the same ones: it stands in config_file. */
enum cp_secret { CP_SECRET_TOKEN = 1, CP_SECRET_ADDRESS = 2, CP_SECRET_URLS = 4 };
#define CP_SECRETS	  7u
#define CP_SECRET_IN_FILE 8 /* the shift */

/* CONPROF_INSTANCE_FRACTION is kept in millionths. */
#define CP_WHOLE_FRACTION 1000000u

/* Settings after environment, file and default have been weighed. Plain data without pointers: it
 * is copied into the recording as it is, so the uploader sees what the target saw. Strings end
 * with NUL; empty means "not set". */
struct cp_config {
	char agent_socket[2048]; /* addresses, each once, with commas between; passwords are *** */
	char server_id[128];
	char server_token_file[256];
	char config_file[256]; /* where secrets stand, by its absolute path; or none do */
	char tls_ca_file[256];
	char tls_cert_file[256];
	char tls_key_file[256];
	char tenant[152];   /* X-Scope-OrgID of Pyroscope */
	char app_name[128]; /* empty: the program's name, and no application_name tag */
	char project[128];  /* PLATFORM_PROJECT */
	char labels[1024];  /* key:value,key:value; bad pairs already removed */
	char log_file[256]; /* empty: stderr */
	char spool_dir[256];
	char debug_dirs[256];	   /* absolute paths with : between */
	char debuginfod_urls[256]; /* with blanks between, passwords ***; "off": nobody */
	char listen[128];	   /* where the uploader serves pulls; empty: nowhere */
	char kill_switch[256];	   /* a file: while it is there, nothing is sampled */
	uint64_t spool_max_bytes;
	uint64_t symbol_cache_max_bytes; /* for the uploader alone */
	uint64_t heap_interval;		 /* bytes */
	uint32_t types;			 /* enum cp_types */
	uint32_t period_s;
	uint32_t cpu_duration_s; /* never more than period_s */
	uint32_t cpu_rate_hz;
	uint32_t upload_timeout_s;
	uint32_t exit_wait_s;
	uint32_t exit_wait_set; /* 0: the default applies, which depends on being PID 1 */
	uint32_t log_level;	/* 1 error, 2 warning, 3 info, 4 debug */
	uint32_t enabled;
	uint32_t cpu_timer;	  /* enum cp_cpu_timer */
	uint32_t unwinder;	  /* enum cp_unwinder */
	uint32_t demangle;	  /* enum cp_demangling; for the uploader alone */
	uint32_t sample_labels;	  /* enum cp_labels */
	uint32_t spool_max_age_s; /* 0: no limit */
	uint32_t listen_anywhere; /* 1: not on this machine's own addresses alone */
	uint32_t secrets;	  /* which there are, by enum cp_secret, and where */
	uint32_t instance_ppm;	  /* so many of a million programs are recorded */
	uint32_t start_jitter_s;  /* the first period is longer by up to this */
	uint64_t secret_print;	  /* tells those of one environment from those of another; last */
};
