/*
 * digest.c
 *	  SHA-256 as text, through OpenSSL's one-shot call.
 *
 * EVP_Digest holds nothing between calls, so that no error can leak a handle.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "digest.h"

/*
 * Write the SHA-256 digest of len bytes at data to hex, as
 * WD_SHA256_HEX_LEN lower-case hexadecimal digits and a terminating NUL.
 * Raises XX000 if OpenSSL cannot compute it.
 */
void
wd_sha256_hex(const char *data, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_len = 0;

	if (EVP_Digest(data, len, digest, &digest_len, EVP_sha256(), NULL) != 1 ||
		digest_len * 2 != WD_SHA256_HEX_LEN)
		elog(ERROR, "could not compute SHA-256 digest");

	for (unsigned int i = 0; i < digest_len; i++)
	{
		*hex++ = digits[digest[i] >> 4];
		*hex++ = digits[digest[i] & 0x0F];
	}
	*hex = '\0';
}
