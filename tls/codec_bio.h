// The BIO by which the library reads and writes: the bytes of the call that is under way, and no buffer of its own.
#pragma once

#include <openssl/base.h>

namespace penstock::tls {

class TlsCodec;

bssl::UniquePtr<BIO> make_codec_bio(TlsCodec& codec);
TlsCodec& codec_behind(const BIO* bio);

}  // namespace penstock::tls
