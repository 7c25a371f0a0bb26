/* tls.c - whom TLS trusts, and who we are to it: the files of the settings, into a curl handle. */
/* SPDX-License-Identifier: MIT */
#include "uploader/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "uploader/secrets.h"
#include "uploader/vault.h"

#define FILE_MAX ((size_t)4 << 20) /* a store of all the world's authorities is 220 KB */

#define CERTIFICATE "CERTIFICATE-----"
#define KEY	    "PRIVATE KEY-----"

/* The file is read by us, and at each delivery: it may come, or be replaced; what is wrong with it
 * has a line of its own; and a key lies in the vault, not in a stream's buffer. */
static int give(CURL *curl, CURLoption option, const char *path, const char *setting, char *why,
		size_t why_len)
{
	const char *kind = option == CURLOPT_SSLKEY_BLOB ? KEY : CERTIFICATE;
	char reason[400] = "";
	size_t len = 0;
	char *text = cp_secrets_file(path, FILE_MAX, &len, reason, sizeof reason);
	int wrong = !text;
	if (text && !memmem(text, len, kind, strlen(kind))) {
		snprintf(reason, sizeof reason, "%s: has no PEM %s", path,
			 kind[0] == 'C' ? "certificate" : "private key");
		wrong = 1;
	}
	struct curl_blob blob = {.data = text, .len = len, .flags = CURL_BLOB_COPY};
	if (!wrong && curl_easy_setopt(curl, option, &blob) != CURLE_OK) {
		snprintf(reason, sizeof reason, "this libcurl does not take it");
		wrong = 1;
	}
	cp_vault_give(text);
	if (wrong)
		snprintf(why, why_len, "%s: %s", setting, reason);
	return wrong ? -1 : 0;
}

/* The system's store, or what OpenSSL's own variables put in its place. */
static int trust_system(CURL *curl)
{
	const char *file = secure_getenv("SSL_CERT_FILE");
	const char *folder = secure_getenv("SSL_CERT_DIR");
	int e = 0;
	if (file && *file)
		e |= curl_easy_setopt(curl, CURLOPT_CAINFO, file) != CURLE_OK;
	if (folder && *folder)
		e |= curl_easy_setopt(curl, CURLOPT_CAPATH, folder) != CURLE_OK;
	return e;
}

static int trust_file(CURL *curl, const char *path, char *why, size_t why_len)
{
	if (curl_easy_setopt(curl, CURLOPT_CAINFO, NULL) != CURLE_OK ||
	    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) != CURLE_OK) {
		snprintf(why, why_len, "this libcurl keeps to the system's store");
		return -1;
	}
	return give(curl, CURLOPT_CAINFO_BLOB, path, "CONPROF_TLS_CA_FILE", why, why_len);
}

/* The TLS library has the key in memory of its own while it works: from now on there is no core. */
static int identify(CURL *curl, const struct cp_config *config, char *why, size_t why_len)
{
	const char *key = config->tls_key_file[0] ? config->tls_key_file : config->tls_cert_file;
	const char *setting =
	    config->tls_key_file[0] ? "CONPROF_TLS_KEY_FILE" : "CONPROF_TLS_CERT_FILE";
	if (!config->tls_cert_file[0]) {
		snprintf(why, why_len, "CONPROF_TLS_KEY_FILE is set, CONPROF_TLS_CERT_FILE is not");
		return -1;
	}
	prctl(PR_SET_DUMPABLE, 0);
	/* a key with a passphrase fails, instead of a question that nobody hears */
	if (curl_easy_setopt(curl, CURLOPT_KEYPASSWD, "") != CURLE_OK) {
		snprintf(why, why_len, "this libcurl takes no client certificate");
		return -1;
	}
	return give(curl, CURLOPT_SSLCERT_BLOB, config->tls_cert_file, "CONPROF_TLS_CERT_FILE", why,
		    why_len) ||
		       give(curl, CURLOPT_SSLKEY_BLOB, key, setting, why, why_len)
		   ? -1
		   : 0;
}

int cp_tls_set(CURL *curl, const struct cp_config *config, char *why, size_t why_len)
{
	int e = 0;
	e |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
	if (!config || !config->tls_ca_file[0])
		e |= trust_system(curl);
	if (e) {
		snprintf(why, why_len, "libcurl does not take the settings of TLS");
		return -1;
	}
	if (config && config->tls_ca_file[0] && trust_file(curl, config->tls_ca_file, why, why_len))
		return -1;
	if (config && (config->tls_cert_file[0] || config->tls_key_file[0]))
		return identify(curl, config, why, why_len);
	return 0;
}
