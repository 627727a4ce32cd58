// The one source in which fmt's templates are instantiated: what fmt's own src/format.cc does,
// which Debian ships only as part of libfmt.so. Everything else includes <fmt/format.h> without
// FMT_HEADER_ONLY and links against this, which keeps 2.9 s of compile time out of every other file
// and a C++ library of another version out of GDB's process.

#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {

template FMT_API auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;

template FMT_API auto locale_ref::get<std::locale>() const -> std::locale;

template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
// fmt 9 and 10 spell the third type differently; it is this one in both.
template FMT_API void vformat_to(buffer<char>&, string_view, basic_format_args<format_context>,
                                 locale_ref);

}  // namespace detail
FMT_END_NAMESPACE
