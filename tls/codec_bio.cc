#include "tls/codec_bio.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "tls/tls_codec.h"

namespace penstock::tls {

struct CodecBio {
  static int read(BIO* bio, char* into, int size) {
    TlsCodec& codec = codec_behind(bio);
    BIO_clear_retry_flags(bio);
    if (codec.input_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const size_t count = std::min(codec.input_.size(), static_cast<size_t>(std::max(size, 0)));
    std::memcpy(into, codec.input_.data(), count);
    codec.input_ = codec.input_.subspan(count);
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* from, int size) {
    TlsCodec& codec = codec_behind(bio);
    BIO_clear_retry_flags(bio);
    CHECK(codec.down_ != nullptr);
    if (size > 0) codec.down_->take(core::as_bytes({from, static_cast<size_t>(size)}));
    return size;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "codec");
      CHECK(made != nullptr);
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      BIO_meth_set_create(made, create);
      return made;
    }();
    return method;
  }
};

bssl::UniquePtr<BIO> make_codec_bio(TlsCodec& codec) {
  bssl::UniquePtr<BIO> bio(BIO_new(CodecBio::method()));
  CHECK(bio != nullptr);
  BIO_set_data(bio.get(), &codec);
  return bio;
}

TlsCodec& codec_behind(const BIO* bio) {
  return *static_cast<TlsCodec*>(BIO_get_data(const_cast<BIO*>(bio)));
}

}  // namespace penstock::tls
