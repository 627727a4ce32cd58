// Rules of zlib, bz2, lzma, zstd and of the hashes.
//
// The state of a library is one block that the object points to; what the library allocates behind
// its own pointers is not followed here.
#include <array>

#include "heapparse/python/types/pointer_fields.h"
#include "heapparse/python/types/rules.h"

namespace coreheap::python {
namespace {

using layouts::Field;
using layouts::Layout;

constexpr FieldReference kZlib[] = {
    {"unused_data", [](const Layout& l) { return l.zlib_stream.unused_data; }, SkipCause::atom},
    {"unconsumed_tail", [](const Layout& l) { return l.zlib_stream.unconsumed_tail; },
     SkipCause::atom},
    {"_zdict", [](const Layout& l) { return l.zlib_stream.zdict; }},
};

constexpr FieldReference kZlibDecompressor[] = {
    {"_zdict", [](const Layout& l) { return l.zlib_decompressor.zdict; }},
    {"unused_data", [](const Layout& l) { return l.zlib_decompressor.unused_data; },
     SkipCause::atom},
};

constexpr FieldReference kBz2Decompressor[] = {
    {"unused_data", [](const Layout& l) { return l.bz2_decompressor.unused_data; },
     SkipCause::atom},
};

constexpr FieldReference kBz2File[] = {
    {"_file", [](const Layout& l) { return l.bz2_file.file; }},
};

constexpr FieldReference kLzmaDecompressor[] = {
    {"unused_data", [](const Layout& l) { return l.lzma_decompressor.unused_data; },
     SkipCause::atom},
};

constexpr FieldReference kZstdCompressor[] = {
    {"_dict", [](const Layout& l) { return l.zstd_compressor.dict; }},
};

constexpr FieldReference kZstdDecompressor[] = {
    {"_dict", [](const Layout& l) { return l.zstd_decompressor.dict; }},
    {"unused_data", [](const Layout& l) { return l.zstd_decompressor.unused_data; },
     SkipCause::atom},
};

constexpr auto kZstdTraversesClass = &layouts::Traits::zstd_traverses_class;

constexpr FieldReference kZstdDict[] = {
    {"_compressors",
     [](const Layout& l) {
       return l.traits.zstd_traverses_class ? Field{} : l.zstd_dict.compressors;
     }},
    {"_compressors",
     [](const Layout& l) {
       return l.traits.zstd_traverses_class ? l.zstd_dict.compressors : Field{};
     },
     SkipCause::not_traversed},
};

constexpr FieldReference kHash[] = {
    {"name", [](const Layout& l) { return l.openssl_hash.name; }, SkipCause::atom},
};

constexpr FieldReference kHmac[] = {
    {"name", [](const Layout& l) { return l.hmac.name; }, SkipCause::atom},
};

// Which of a struct's fields point to memory of the object's own.
struct OwnField {
  Field (*field)(const Layout& layout);
  BufferKind kind;
};

template <const auto& kFields>
void field_buffers(Decoder& decoder, const Object& object, BufferSink visit) {
  for (const OwnField& one : kFields) {
    own_buffer(decoder, object, one.field(decoder.layout()), one.kind, visit);
  }
}

constexpr auto kState = BufferKind::stream_state;
constexpr auto kInput = BufferKind::io_buffer;
constexpr auto kLock = BufferKind::lock;

constexpr OwnField kZlibOwn[] = {
    {[](const Layout& l) { return l.zlib_stream.stream_state; }, kState},
    {[](const Layout& l) { return l.zlib_stream.lock; }, kLock},
};
constexpr OwnField kZlibDecompressorOwn[] = {
    {[](const Layout& l) { return l.zlib_decompressor.stream_state; }, kState},
    {[](const Layout& l) { return l.zlib_decompressor.input_buffer; }, kInput},
    {[](const Layout& l) { return l.zlib_decompressor.lock; }, kLock},
};
constexpr OwnField kBz2CompressorOwn[] = {
    {[](const Layout& l) { return l.bz2_compressor.stream_state; }, kState},
    {[](const Layout& l) { return l.bz2_compressor.lock; }, kLock},
};
constexpr OwnField kBz2DecompressorOwn[] = {
    {[](const Layout& l) { return l.bz2_decompressor.stream_state; }, kState},
    {[](const Layout& l) { return l.bz2_decompressor.input_buffer; }, kInput},
    {[](const Layout& l) { return l.bz2_decompressor.lock; }, kLock},
};
constexpr OwnField kBz2FileOwn[] = {
    {[](const Layout& l) { return l.bz2_file.buffer; }, kInput},
    {[](const Layout& l) { return l.bz2_file.lock; }, kLock},
};
constexpr OwnField kLzmaCompressorOwn[] = {
    {[](const Layout& l) { return l.lzma_compressor.stream_state; }, kState},
    {[](const Layout& l) { return l.lzma_compressor.lock; }, kLock},
};
constexpr OwnField kLzmaDecompressorOwn[] = {
    {[](const Layout& l) { return l.lzma_decompressor.stream_state; }, kState},
    {[](const Layout& l) { return l.lzma_decompressor.input_buffer; }, kInput},
    {[](const Layout& l) { return l.lzma_decompressor.lock; }, kLock},
};
constexpr OwnField kZstdCompressorOwn[] = {
    {[](const Layout& l) { return l.zstd_compressor.context; }, kState},
};
constexpr OwnField kZstdDecompressorOwn[] = {
    {[](const Layout& l) { return l.zstd_decompressor.context; }, kState},
    {[](const Layout& l) { return l.zstd_decompressor.input_buffer; }, kInput},
};
constexpr OwnField kZstdDictOwn[] = {
    {[](const Layout& l) { return l.zstd_dict.context; }, kState},
    {[](const Layout& l) { return l.zstd_dict.content; }, kInput},
};
constexpr OwnField kHashOwn[] = {
    {[](const Layout& l) { return l.openssl_hash.context; }, kState},
    {[](const Layout& l) { return l.openssl_hash.lock; }, kLock},
};
constexpr OwnField kOpensslHmacOwn[] = {
    {[](const Layout& l) { return l.openssl_hmac.context; }, kState},
    {[](const Layout& l) { return l.openssl_hmac.lock; }, kLock},
};
constexpr OwnField kHmacOwn[] = {{[](const Layout& l) { return l.hmac.state; }, kState}};
constexpr OwnField kMd5Own[] = {
    {[](const Layout& l) { return l.md5.state; }, kState},
    {[](const Layout& l) { return l.md5.lock; }, kLock},
};
constexpr OwnField kSha1Own[] = {
    {[](const Layout& l) { return l.sha1.state; }, kState},
    {[](const Layout& l) { return l.sha1.lock; }, kLock},
};
constexpr OwnField kSha256Own[] = {
    {[](const Layout& l) { return l.sha2_256.state; }, kState},
    {[](const Layout& l) { return l.sha2_256.lock; }, kLock},
};
constexpr OwnField kSha512Own[] = {
    {[](const Layout& l) { return l.sha2_512.state; }, kState},
    {[](const Layout& l) { return l.sha2_512.lock; }, kLock},
};
constexpr OwnField kSha3Own[] = {
    {[](const Layout& l) { return l.sha3.state; }, kState},
    {[](const Layout& l) { return l.sha3.lock; }, kLock},
};
constexpr OwnField kBlake2bOwn[] = {
    {[](const Layout& l) { return l.blake2.state; }, kState},
    {[](const Layout& l) { return l.blake2b.lock; }, kLock},
};
constexpr OwnField kBlake2sOwn[] = {
    {[](const Layout& l) { return l.blake2.state; }, kState},
    {[](const Layout& l) { return l.blake2s.lock; }, kLock},
};

}  // namespace

std::span<const TypeRules> compression_rules() {
  static constexpr std::array kRules = {
      TypeRules{.name = "zlib.Compress", .fields = kZlib, .buffers = field_buffers<kZlibOwn>},
      TypeRules{.name = "zlib.Decompress", .fields = kZlib, .buffers = field_buffers<kZlibOwn>},
      TypeRules{.name = "zlib._ZlibDecompressor",
                .fields = kZlibDecompressor,
                .buffers = field_buffers<kZlibDecompressorOwn>},
      TypeRules{.name = "bz2.BZ2Compressor", .buffers = field_buffers<kBz2CompressorOwn>},
      TypeRules{.name = "_bz2.BZ2Compressor", .buffers = field_buffers<kBz2CompressorOwn>},
      TypeRules{.name = "bz2.BZ2Decompressor",
                .fields = kBz2Decompressor,
                .buffers = field_buffers<kBz2DecompressorOwn>},
      TypeRules{.name = "_bz2.BZ2Decompressor",
                .fields = kBz2Decompressor,
                .buffers = field_buffers<kBz2DecompressorOwn>},
      TypeRules{.name = "bz2.BZ2File", .fields = kBz2File, .buffers = field_buffers<kBz2FileOwn>},
      TypeRules{.name = "_lzma.LZMACompressor", .buffers = field_buffers<kLzmaCompressorOwn>},
      TypeRules{.name = "_lzma.LZMADecompressor",
                .fields = kLzmaDecompressor,
                .buffers = field_buffers<kLzmaDecompressorOwn>},
      TypeRules{.name = "compression.zstd.ZstdCompressor",
                .fields = kZstdCompressor,
                .shows_class = false,
                .shows_class_where = kZstdTraversesClass,
                .buffers = field_buffers<kZstdCompressorOwn>},
      TypeRules{.name = "compression.zstd.ZstdDecompressor",
                .fields = kZstdDecompressor,
                .shows_class = false,
                .shows_class_where = kZstdTraversesClass,
                .buffers = field_buffers<kZstdDecompressorOwn>},
      TypeRules{.name = "compression.zstd.ZstdDict",
                .fields = kZstdDict,
                .shows_class = false,
                .shows_class_where = kZstdTraversesClass,
                .buffers = field_buffers<kZstdDictOwn>},
      TypeRules{.name = "_hashlib.HASH", .fields = kHash, .buffers = field_buffers<kHashOwn>},
      TypeRules{.name = "_hashlib.HASHXOF"},
      TypeRules{.name = "_hashlib.HMAC", .buffers = field_buffers<kOpensslHmacOwn>},
      TypeRules{.name = "_hmac.HMAC", .fields = kHmac, .buffers = field_buffers<kHmacOwn>},
      TypeRules{.name = "_md5.md5", .buffers = field_buffers<kMd5Own>},
      TypeRules{.name = "_sha.sha"},
      TypeRules{.name = "_sha1.sha1", .buffers = field_buffers<kSha1Own>},
      TypeRules{.name = "_sha256.sha224"},
      TypeRules{.name = "_sha256.sha256"},
      TypeRules{.name = "_sha512.sha384"},
      TypeRules{.name = "_sha512.sha512"},
      TypeRules{.name = "_sha2.SHA224Type", .buffers = field_buffers<kSha256Own>},
      TypeRules{.name = "_sha2.SHA256Type", .buffers = field_buffers<kSha256Own>},
      TypeRules{.name = "_sha2.SHA384Type", .buffers = field_buffers<kSha512Own>},
      TypeRules{.name = "_sha2.SHA512Type", .buffers = field_buffers<kSha512Own>},
      TypeRules{.name = "_sha3.sha3_224", .buffers = field_buffers<kSha3Own>},
      TypeRules{.name = "_sha3.sha3_256", .buffers = field_buffers<kSha3Own>},
      TypeRules{.name = "_sha3.sha3_384", .buffers = field_buffers<kSha3Own>},
      TypeRules{.name = "_sha3.sha3_512", .buffers = field_buffers<kSha3Own>},
      TypeRules{.name = "_sha3.shake_128", .buffers = field_buffers<kSha3Own>},
      TypeRules{.name = "_sha3.shake_256", .buffers = field_buffers<kSha3Own>},
      TypeRules{.name = "_blake2.blake2b", .buffers = field_buffers<kBlake2bOwn>},
      TypeRules{.name = "_blake2.blake2s", .buffers = field_buffers<kBlake2sOwn>},
  };
  return kRules;
}

}  // namespace coreheap::python
