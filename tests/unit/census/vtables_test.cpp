// C++ classes in synthesised modules laid out by the Itanium ABI, then in this very program.
#include "heapparse/census/native/vtables.h"

#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>

#include "heapparse/census/native/class_name.h"
#include "tests/unit/catch.h"

namespace {

using namespace coreheap;
using coreheap::census::VtableIndex;

constexpr Address kRuntime{0x7f0000100000};  // data of the C++ runtime
constexpr Address kProgram{0x7f0000200000};  // data of a library
constexpr Address kRodata{0x7f0000300000};   // its names
constexpr Address kCode{0x7f0000400000};

// A C++ runtime and a library, word by word.
class SyntheticCpp {
 public:
  SyntheticCpp() {
    for (const Address a : {kRuntime, kProgram, kRodata, kCode}) bytes_[a].resize(0x2000);
    // __si_class_type_info describes itself; the other two are described by it.
    describe(single_, single_info_, single_, "N10__cxxabiv120__si_class_type_infoE");
    describe(plain_, plain_info_, single_, "N10__cxxabiv117__class_type_infoE");
  }

  // A table with its typeinfo; `kind` is the address point of the typeinfo's own class.
  void describe(Address vptr, Address typeinfo, Address kind, std::string_view name) {
    const Address text = kRodata + next_name_;
    std::memcpy(at(text), name.data(), name.size());
    next_name_ += name.size() + 1;
    write(vptr - 16, 0);
    write(vptr - 8, typeinfo.value);
    write(vptr, (kCode + 0x10).value);
    write(vptr + 8, (kCode + 0x20).value);
    write(typeinfo, kind.value);
    write(typeinfo + 8, text.value);
  }

  void write(Address a, std::uint64_t word) { std::memcpy(at(a), &word, sizeof word); }
  void lose(Address region) { bytes_[region].clear(); }

  image::Image image() const {
    image::Image result;
    std::vector<image::Piece> pieces;
    std::vector<AddressRange> mapped;
    for (const auto& [begin, content] : bytes_) {
      const AddressRange range{begin, begin + 0x2000};
      mapped.push_back(range);
      image::Mapping mapping;
      mapping.range = range;
      mapping.readable = true;
      mapping.executable = begin == kCode;
      mapping.kind = image::MappingKind::file;
      result.mappings.push_back(mapping);
      if (content.empty()) continue;
      auto copy = std::make_shared<std::vector<std::byte>>(content);
      result.keep_alive.push_back(copy);
      pieces.push_back({range, copy->data()});
    }
    image::Module module;
    module.path = "/usr/lib/libshapes.so";
    module.bias = kRuntime.value;
    module.range = {kRuntime, kCode + 0x2000};
    module.data = {{kRuntime, kRuntime + 0x2000}, {kProgram, kProgram + 0x2000}};
    result.modules.push_back(module);
    result.space = image::AddressSpace(std::move(pieces), std::move(mapped));
    return result;
  }

  const Address single_ = kRuntime + 0x110;
  const Address single_info_ = kRuntime + 0x200;
  const Address plain_ = kRuntime + 0x310;
  const Address plain_info_ = kRuntime + 0x400;

 private:
  std::byte* at(Address a) {
    auto& [begin, content] = *std::prev(bytes_.upper_bound(a));
    if (a - begin + 8 > content.size()) throw std::out_of_range("synthetic address");
    return content.data() + (a - begin);
  }
  std::map<Address, std::vector<std::byte>> bytes_;
  std::uint64_t next_name_ = 0;
};

TEST_CASE("a class is named from its vtable by RTTI alone") {
  SyntheticCpp cpp;
  const Address circle = kProgram + 0x110;
  const Address shape = kProgram + 0x210;
  cpp.describe(shape, kProgram + 0x800, cpp.plain_, "N6shapes5ShapeE");
  cpp.describe(circle, kProgram + 0x900, cpp.single_, "N6shapes6CircleE");
  const VtableIndex index(cpp.image());
  REQUIRE(index.class_of(circle).has_value());
  CHECK(index.name(*index.class_of(circle)) == "shapes::Circle");
  CHECK(index.name(*index.class_of(shape)) == "shapes::Shape");
  CHECK(index.name(*index.class_of(cpp.single_)) == "__cxxabiv1::__si_class_type_info");
  CHECK(index.tables() == 4);
  for (const Address other : {circle - 16, circle - 8, circle + 8, circle + 1, Address{}, kCode,
                              Address{~std::uint64_t{0}}, kProgram + 0x900}) {
    CHECK(!index.class_of(other).has_value());
  }
}

TEST_CASE("a class with tables in two modules is one class") {
  SyntheticCpp cpp;
  cpp.describe(kProgram + 0x110, kProgram + 0x800, cpp.plain_, "4Twin");
  cpp.describe(kProgram + 0x210, kProgram + 0x900, cpp.plain_, "4Twin");
  const VtableIndex index(cpp.image());
  CHECK(index.class_of(kProgram + 0x110) == index.class_of(kProgram + 0x210));
  CHECK(index.classes() == 3);
}

TEST_CASE("without the file's names a class is named by its place, or by a symbol") {
  SyntheticCpp cpp;
  const Address circle = kProgram + 0x110;
  cpp.describe(circle, kProgram + 0x900, cpp.single_, "6Circle");
  cpp.lose(kRodata);
  const VtableIndex index(cpp.image());
  REQUIRE(index.class_of(circle).has_value());
  CHECK(index.name(*index.class_of(circle)) == "class with vtable at libshapes.so+0x100110");
  image::Symbols symbols;
  symbols.add("_ZTV6Circle", {circle - 16, 32, 0});
  symbols.seal();
  const VtableIndex told(cpp.image(), symbols);
  CHECK(told.name(*told.class_of(circle)) == "Circle");
  CHECK(told.tables() == index.tables());
}

TEST_CASE("a class without RTTI needs a symbol") {
  SyntheticCpp cpp;
  const Address vptr = kProgram + 0x110;
  cpp.write(vptr - 16, 0);
  cpp.write(vptr - 8, 0);
  cpp.write(vptr, (kCode + 0x40).value);
  CHECK(!VtableIndex(cpp.image()).class_of(vptr).has_value());
  image::Symbols symbols;
  symbols.add("_ZTVN4llvm5ValueE", {vptr - 16, 24, 0});
  symbols.add("_ZN4llvm5Value3runEv", {kProgram + 0x200, 24, 0});
  symbols.seal();
  const VtableIndex index(cpp.image(), symbols);
  REQUIRE(index.class_of(vptr).has_value());
  CHECK(index.name(*index.class_of(vptr)) == "llvm::Value");
}

TEST_CASE("what is not quite a vtable is none") {
  SyntheticCpp cpp;
  const Address vptr = kProgram + 0x110;
  cpp.describe(vptr, kProgram + 0x900, cpp.single_, "6Circle");
  SECTION("no code in its first slot") { cpp.write(vptr, kProgram.value); }
  SECTION("a second base's table") { cpp.write(vptr - 16, std::uint64_t{0} - 16); }
  SECTION("its typeinfo is no typeinfo") { cpp.write(kProgram + 0x900, kProgram.value); }
  SECTION("its typeinfo's class is no class of typeinfos") {
    // A circle of its own that no typeinfo class closes.
    cpp.write(kProgram + 0x900, vptr.value);
    cpp.write(vptr, kProgram.value);
  }
  SECTION("its typeinfo is misaligned") { cpp.write(vptr - 8, (kProgram + 0x901).value); }
  SECTION("the typeinfo is elsewhere") { cpp.write(vptr - 8, 0x10); }
  CHECK(!VtableIndex(cpp.image()).class_of(vptr).has_value());
}

TEST_CASE("an image without modules has no classes") {
  const VtableIndex index{image::Image{}};
  CHECK(index.classes() == 0);
  CHECK(!index.class_of({0x7f0000100110}).has_value());
  CHECK(index.name(0).empty());
}

TEST_CASE("names are the same from many threads at once") {
  SyntheticCpp cpp;
  for (std::uint64_t i = 0; i < 20; ++i) {
    cpp.describe(kProgram + 0x110 + i * 0x40, kProgram + 0x900 + i * 16, cpp.plain_,
                 "N1a1" + std::string(1, static_cast<char>('b' + i)) + "E");
  }
  const VtableIndex index(cpp.image());
  std::vector<std::thread> threads;
  std::vector<std::vector<std::string_view>> names(4);
  for (auto& own : names) {
    threads.emplace_back([&index, &own] {
      for (std::uint32_t id = 0; id < index.classes(); ++id) own.push_back(index.name(id));
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& own : names) {
    REQUIRE(own.size() == 22);
    for (std::size_t id = 0; id < own.size(); ++id) CHECK(own[id].data() == names[0][id].data());
  }
}

TEST_CASE("mangled type names become readable") {
  using census::readable_class_name;
  CHECK(readable_class_name("3Foo") == "Foo");
  CHECK(readable_class_name("*3Foo") == "Foo");
  CHECK(readable_class_name("N5boost4asio6detail9schedulerE") == "boost::asio::detail::scheduler");
  CHECK(readable_class_name("St9exception") == "std::exception");
  CHECK(readable_class_name("St23_Sp_counted_ptr_inplaceIiSaIvELN9__gnu_cxx12_Lock_policyE2EE") ==
        "std::_Sp_counted_ptr_inplace<int, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>");
  CHECK(readable_class_name("N12_GLOBAL__N_13FooE") == "(anonymous namespace)::Foo");
  CHECK(readable_class_name("N3foo3BarE.rest of nonsense") == "foo::Bar");
  CHECK(readable_class_name("") == "");
  CHECK(readable_class_name("99x") == "99x");
  CHECK(readable_class_name("99999999999999999999999999x").size() == 27);
}

TEST_CASE("a name that would expand to gigabytes takes the short form at once") {
  // Each level doubles the one before.
  std::string bomb = "N1a1bIS_S_E";
  for (char c = '0'; c <= '9'; ++c) bomb += std::string("1cIS") + c + "_S" + c + "_E";
  for (char c = 'A'; c <= 'Z'; ++c) bomb += std::string("1cIS") + c + "_S" + c + "_E";
  bomb += "E";
  const std::string text = census::readable_class_name(bomb);
  CHECK(text.starts_with("a::b<...>::c<...>"));
  CHECK(text.size() <= 1100);
  CHECK(census::readable_class_name(std::string(100000, 'P')).size() <= 1100);
  CHECK(census::readable_class_name("N" + std::string(500, '1')).size() <= 1100);
}

}  // namespace
