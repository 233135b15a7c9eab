/*
 * digest.c
 *	  SHA-256 as text, through OpenSSL's one-shot call.
 *
 * EVP_Digest leaves nothing allocated, so that no error can leak a handle.
 * The algorithm is looked up only once per session: looking it up takes
 * OpenSSL 3 as long as the digest of a kilobyte.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "digest.h"

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#define WdFetchSha256() EVP_MD_fetch(NULL, "SHA256", NULL)
#else
#define WdFetchSha256() EVP_sha256()
#endif

/*
 * Write the SHA-256 digest of len bytes at data to hex, as
 * WD_SHA256_HEX_LEN lower-case hexadecimal digits and a terminating NUL.
 * Raises XX000 if OpenSSL cannot compute it.
 */
void
wd_sha256_hex(const char *data, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	static const EVP_MD *algorithm = NULL;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_len = 0;

	if (algorithm == NULL)
		algorithm = WdFetchSha256();
	if (algorithm == NULL ||
		EVP_Digest(data, len, digest, &digest_len, algorithm, NULL) != 1 ||
		digest_len * 2 != WD_SHA256_HEX_LEN)
		elog(ERROR, "could not compute SHA-256 digest");

	for (unsigned int i = 0; i < digest_len; i++)
	{
		*hex++ = digits[digest[i] >> 4];
		*hex++ = digits[digest[i] & 0x0F];
	}
	*hex = '\0';
}
